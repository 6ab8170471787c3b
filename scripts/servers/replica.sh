# shellcheck shell=bash
# A PostgreSQL primary (server 1) and a streaming replica of it (server 2, a hot standby), of the installed version, on
# loopback, with folders, ports and processes of their own. Both are new at each start. A pooler before the primary, which lends
# its connections for one transaction at a time, is PgBouncer, where that is installed. Sourced by scripts/databases.

replica_home="$state/replica"

replica_start() {
  replica_is_possible || return
  if [ -f "$replica_home/base" ] && replica_runs 1 && replica_runs 2; then return; fi
  replica_stop
  replica_clear && replica_choose_ports || return
  replica_as_owner "$(replica_program initdb)" --pgdata="$replica_home/1" --username=postgres --auth=trust --encoding=UTF8 \
    --locale=C --no-sync >"$replica_home/1.out" 2>&1 || { say "The primary could not be made ($replica_home/1.out)."; return 1; }
  replica_launch 1 && replica_follow 2
}

replica_stop() {
  local server
  ! replica_pools || stop_process PgBouncer "$(cat "$replica_home/pooler.pid")"
  for server in 2 1; do
    replica_runs "$server" || continue
    kill -CONT "$(replica_pid "$server")"
    replica_as_owner "$(replica_program pg_ctl)" --pgdata="$replica_home/$server" --mode=immediate --wait stop >/dev/null &&
      say "PostgreSQL's server $server of two was stopped."
  done
}

replica_install() {
  apt_install PgBouncer pgbouncer pgbouncer
  replica_is_possible 2>/dev/null || apt_install PostgreSQL pg_ctlcluster postgresql
}

replica_print_url() {
  replica_runs 1 && replica_runs 2 || return
  echo "export KSS_TEST_REPLICA_URLS=$(replica_url 1),$(replica_url 2)"
}

# Starts the pooler, with two connections to server 1, and prints its URL.
replica_pooler() {
  local pooler port
  pgbouncer_is_possible || return
  pooler="$(PATH="$PATH:/usr/sbin" command -v pgbouncer)"
  port="$(replica_port 3)"
  if ! replica_pools; then
    printf '%s\n' '[databases]' "postgres = host=127.0.0.1 port=$(replica_port 1) user=postgres" '[pgbouncer]' \
      'listen_addr = 127.0.0.1' "listen_port = $port" 'unix_socket_dir =' 'auth_type = any' 'pool_mode = transaction' \
      'default_pool_size = 2' "pidfile = $replica_home/pooler.pid" "logfile = $replica_home/pooler.log" >"$replica_home/pooler.ini"
    replica_as_owner "$pooler" --daemon --quiet "$replica_home/pooler.ini" >&2 || { say "PgBouncer did not start."; return 1; }
    wait_until PgBouncer listens "tcp://127.0.0.1:$port" 0 || return
  fi
  echo "export KSS_TEST_POOLER_URL=postgres://postgres@127.0.0.1:$port/postgres"
}

pgbouncer_is_possible() {
  PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null || { say "There is no pooler: PgBouncer is not installed."; return 1; }
}

# The number may be another process's by now.
replica_pools() {
  [ -f "$replica_home/pooler.pid" ] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$(cat "$replica_home/pooler.pid")/cmdline" | grep -qxF -e "$replica_home/pooler.ini"
}

# The verbs for one server. What dies takes its processes along, as a machine does: alone, its backends would end what they do.
replica_kill() {
  local pid
  pid="$(replica_pid "$1")"
  kill -STOP "$pid" && kill -KILL $(ps -o pid= --ppid "$pid") "$pid" || return
  for _ in $(seq 100); do
    replica_runs "$1" || return 0
    sleep 0.05
  done
  return 1
}
replica_promote() { [ "$(replica_sql "$1" 'select pg_promote(true, 30)')" = t ]; }
# The other server's replica, made anew.
replica_rejoin() { replica_follow "$1"; }
# Holds back what the other server sends to this one, its replica, which falls behind; and lets it go on.
replica_freeze() { kill -STOP "$(replica_sender "$1")"; }
replica_thaw() { kill -CONT "$(replica_sender "$1")"; }

replica_sender() { replica_sql $((3 - $1)) 'select pid from pg_stat_replication'; }

replica_is_possible() {
  local program
  for program in initdb pg_ctl pg_basebackup psql; do
    [ -x "$(replica_program "$program")" ] || { say "A PostgreSQL replica is not possible: there is no $program."; return 1; }
  done
  [ "$(id -u)" != 0 ] || { id postgres >/dev/null 2>&1 && command -v runuser >/dev/null; } ||
    { say "A PostgreSQL replica is not possible: root needs the user postgres, and runuser."; return 1; }
}

# The newest version's.
replica_program() {
  local found
  found="$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)"
  [ -x "$found" ] || found="$(command -v "$1")"
  echo "$found"
}

# PostgreSQL does not run as root. Elsewhere than in a folder that everybody may enter it would see nothing.
replica_as_owner() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else (cd / && "$@"); fi </dev/null
}

replica_clear() {
  rm -rf "$replica_home" && mkdir -p "$replica_home" || return
  [ "$(id -u)" != 0 ] || chown postgres "$replica_home"
}

replica_choose_ports() {
  local base=15400
  while listens "tcp://127.0.0.1:$((base + 1))" 0 || listens "tcp://127.0.0.1:$((base + 2))" 0 ||
    listens "tcp://127.0.0.1:$((base + 3))" 0; do base=$((base + 10)); done
  echo "$base" >"$replica_home/base"
}

replica_port() { echo $(($(cat "$replica_home/base") + $1)); }
replica_url() { echo "postgres://postgres@127.0.0.1:$(replica_port "$1")/postgres"; }
replica_pid() { head -n 1 "$replica_home/$1/postmaster.pid"; }

# The number may be another process's by now.
replica_runs() {
  [ -f "$replica_home/$1/postmaster.pid" ] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$(replica_pid "$1")/cmdline" | grep -qxF -e "$replica_home/$1"
}

replica_launch() {
  replica_as_owner "$(replica_program pg_ctl)" --pgdata="$replica_home/$1" --log="$replica_home/$1.log" --wait --timeout="$wait_seconds" \
    --options="-c listen_addresses=127.0.0.1 -c port=$(replica_port "$1") -c unix_socket_directories='' -c hot_standby=on \
      -c wal_level=replica -c max_connections=300 -c timezone=Asia/Tokyo" start >"$replica_home/$1.out" 2>&1 ||
    { say "PostgreSQL's server $1 of two did not start ($replica_home/$1.log)."; return 1; }
}

replica_follow() {
  rm -rf "${replica_home:?}/$1"
  replica_as_owner "$(replica_program pg_basebackup)" --dbname="$(replica_url $((3 - $1)))" --pgdata="$replica_home/$1" \
    --write-recovery-conf --checkpoint=fast --no-sync >"$replica_home/$1.out" 2>&1 ||
    { say "The replica could not be made ($replica_home/$1.out)."; return 1; }
  replica_launch "$1" && wait_until "PostgreSQL's replica" replica_streams "$1"
}

replica_streams() { [ "$(replica_sql "$1" "select status from pg_stat_wal_receiver")" = streaming ]; }

replica_sql() { PGCONNECT_TIMEOUT=2 "$(replica_program psql)" "$(replica_url "$1")" -wXAtqc "$2" </dev/null; }
