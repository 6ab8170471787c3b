# shellcheck shell=bash
# MariaDB, as Debian installs it. Sourced by scripts/databases.

mariadb_url="${KSS_TEST_MARIADB_URL:-mysql://root@127.0.0.1:3306/test}"

mariadb_print_url() { print_url KSS_TEST_MARIADB_URL "$mariadb_url" mariadb_answers; }

mariadb_answers() { mysql_answers_at "$mariadb_url"; }

mariadb_start() {
  startable MariaDB "$mariadb_url" 3306 || return
  local server
  server="$(PATH="$PATH:/usr/sbin" command -v mariadbd)" || { say "MariaDB is not installed (there is no mariadbd)."; return 1; }
  command -v start-stop-daemon >/dev/null || { say "MariaDB is not started: there is no start-stop-daemon."; return 1; }
  [ "$(id -u)" = 0 ] || { say "MariaDB is not started: that needs root."; return 1; }
  mkdir -p "$state" && install -d -o mysql -g mysql /run/mysqld || return
  start-stop-daemon --start --background --chuid mysql --make-pidfile --pidfile "$state/mariadb" --exec "$server" -- \
    --port="$(port_of "$mariadb_url" 3306)" >&2 || { say "MariaDB did not start."; return 1; }
  wait_until MariaDB listens "$mariadb_url" 3306
}

mariadb_stop() {
  [ -f "$state/mariadb" ] || return 0
  local pid
  pid="$(cat "$state/mariadb")"
  # The number may be another process's by now.
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = mariadbd ]; then
    stop_process MariaDB "$pid"
  fi
  rm -f "$state/mariadb"
}

mariadb_install() { apt_install MariaDB mariadbd mariadb-server; }

# Debian lets root in over the socket only, and makes no database. Which of the two hosts a connection over TCP comes from
# depends on the server's skip_name_resolve.
mariadb_admit() {
  mariadb_answers >/dev/null && return
  listens "$mariadb_url" 3306 && command -v mariadb >/dev/null || return
  say "MariaDB lets root in from this machine without a password from now on, and has a database for tests."
  mariadb --no-defaults --protocol=socket --user=root >&2 <<SQL || return
alter user root@localhost identified via unix_socket or mysql_native_password using password('');
create user if not exists root@127.0.0.1 identified by '';
grant all on *.* to root@127.0.0.1 with grant option;
create database if not exists \`$(decoded "${mariadb_url##*/}")\`;
SQL
  wait_until MariaDB mariadb_answers
}
