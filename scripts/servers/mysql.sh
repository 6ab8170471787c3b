# shellcheck shell=bash
# MySQL itself. Debian's stable suites have MariaDB in its place, so its unstable suite is unpacked into a folder of its own,
# and the folder's dynamic loader runs the server with the folder's libraries: no chroot, no root, nothing installed but
# debootstrap. Folder and data are kept between runs; without `.databases/mysql/root` the next `start --install` fetches the
# version of that day. Sourced by scripts/databases.

mysql_home="$state/mysql"
mysql_root="$mysql_home/root"
mysql_data="$mysql_home/data"
mysql_pid="$mysql_home/pid"

mysql_url() { echo "${KSS_TEST_MYSQL_URL:-mysql://root@127.0.0.1:$(cat "$mysql_home/port" 2>/dev/null || echo 3307)/test}"; }

mysql_print_url() { print_url KSS_TEST_MYSQL_URL "$(mysql_url)" mysql_answers; }

mysql_answers() { mysql_answers_at "$(mysql_url)"; }

# The number may be another process's by now.
mysql_runs() {
  [ -f "$mysql_pid" ] && tr '\0' '\n' 2>/dev/null <"/proc/$(cat "$mysql_pid")/cmdline" | grep -qxF -e "--datadir=$mysql_data"
}

mysql_wanted() { [ -z "${KSS_TEST_MYSQL_URL:-}" ] || startable MySQL "$KSS_TEST_MYSQL_URL" 3306; }

mysql_start() {
  mysql_runs && return
  mysql_wanted || return
  [ -x "$mysql_root/usr/sbin/mysqld" ] ||
    { say "MySQL is not in $mysql_root (scripts/databases start --install fetches it)."; return 1; }
  if [ ! -d "$mysql_data" ]; then
    rm -rf "$mysql_data.new"
    mysqld "$mysql_data.new" --initialize-insecure --log-error="$mysql_home/initialize.log" >&2 ||
      { say "MySQL could not make its data folder ($mysql_home/initialize.log)."; return 1; }
    mv "$mysql_data.new" "$mysql_data"
  fi
  local port database
  port="$(mysql_choose_port)"
  echo "$port" >"$mysql_home/port"
  database="$(mysql_url)"
  echo "create database if not exists \`$(decoded "${database##*/}")\`;" >"$mysql_home/init.sql"
  # It comes back once it is ready.
  mysqld "$mysql_data" --daemonize --init-file="$mysql_home/init.sql" --log-error="$mysql_home/error.log" \
    --bind-address=127.0.0.1 --port="$port" --skip-log-bin --innodb-flush-log-at-trx-commit=2 >&2 ||
    { say "MySQL did not start ($mysql_home/error.log)."; return 1; }
}

mysql_stop() {
  if mysql_runs; then stop_process MySQL "$(cat "$mysql_pid")"; fi
}

mysql_install() {
  [ ! -x "$mysql_root/usr/sbin/mysqld" ] || return 0
  mysql_wanted || return
  apt_install debootstrap debootstrap debootstrap gpgv debian-archive-keyring || return
  local mirror package
  mirror="$(mysql_mirror)"
  [ -n "$mirror" ] || { say "MySQL is not fetched: apt names no mirror of Debian."; return 1; }
  say "MySQL is being fetched from the unstable suite of $mirror."
  rm -rf "$mysql_home/fetched" "$mysql_root.new"
  mkdir -p "$mysql_home" "$mysql_root.new"
  debootstrap --variant=minbase --include=mysql-server-core --force-check-gpg --download-only sid "$mysql_home/fetched" "$mirror" \
    >"$mysql_home/fetch.log" 2>&1 </dev/null || { say "MySQL could not be fetched ($mysql_home/fetch.log)."; return 1; }
  # base-files comes first: it makes the links that the paths of the others go through.
  for package in "$mysql_home"/fetched/var/cache/apt/archives/{base-files_*,*}.deb; do
    dpkg-deb --extract "$package" "$mysql_root.new" >&2 || { say "MySQL could not be unpacked: $package."; return 1; }
  done
  rm -rf "$mysql_home/fetched"
  mv "$mysql_root.new" "$mysql_root"
}

# Its root has no password, and its database is made when it starts.
mysql_admit() { :; }

# The mirror of Debian that apt uses; apt knows whose it is once it has read its index.
mysql_mirror() {
  local mirror
  mirror() { apt-get indextargets --format '$(LABEL)|$(REPO_URI)' | sed -n '/^Debian|/ { s///p; q }'; }
  mirror="$(mirror)"
  [ -n "$mirror" ] || apt-get update -q >&2 </dev/null
  echo "${mirror:-$(mirror)}"
}

# The port of the variable, or the last one, or the first free one from 3307 on.
mysql_choose_port() {
  if [ -n "${KSS_TEST_MYSQL_URL:-}" ]; then port_of "$KSS_TEST_MYSQL_URL" 3306; return; fi
  local port
  port="$(cat "$mysql_home/port" 2>/dev/null || echo 3307)"
  while listens "tcp://127.0.0.1:$port" "$port"; do port=$((port + 1)); done
  echo "$port"
}

# mysqld <data folder> <option…>: the server of the folder, which reads no configuration of this machine, listens to nobody's
# X protocol, writes and reads no files for SQL, and keeps its socket in the data folder (as a relative path: a socket's path
# has room for 107 bytes).
mysqld() {
  local libraries loaders data="$1"
  shift
  libraries=("$mysql_root"/usr/lib/*/libc.so.6)
  loaders=("$mysql_root"/usr/lib*/ld-linux*.so.*)
  "${loaders[0]}" --library-path "${libraries[0]%/*}" "$mysql_root/usr/sbin/mysqld" --no-defaults --user="$(id -un)" \
    --basedir="$mysql_root/usr" --datadir="$data" --socket=mysqld.sock --pid-file="$mysql_pid" --mysqlx=OFF \
    --secure-file-priv=NULL "$@"
}
