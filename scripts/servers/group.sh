# shellcheck shell=bash
# A MySQL group (group replication): three servers of the MySQL that mysql.sh unpacks, on loopback, with folders, ports and
# processes of their own, server 1 the primary at first. The group is new at each start. Sourced by scripts/databases, after
# mysql.sh.

group_home="$state/group"
group_servers=(1 2 3)

group_start() {
  local server
  group_is_possible || return
  if [ -f "$group_home/base" ] && group_runs 1 2 3; then return; fi
  group_stop
  group_prepare || return
  for server in "${group_servers[@]}"; do group_launch "$server" && group_introduce "$server" || return; done
  group_sql 1 'set global group_replication_bootstrap_group = on; start group_replication;
    set global group_replication_bootstrap_group = off; create database test' || { say "The group did not begin."; return 1; }
  for server in 2 3; do group_join "$server" || return; done
}

group_stop() {
  local server
  for server in 3 2 1; do
    ! group_runs "$server" || stop_process "The group's server $server" "$(group_pid "$server")"
  done
}

group_install() { mysql_install; }

group_print_url() {
  group_runs 1 2 3 || return
  local server urls=()
  for server in "${group_servers[@]}"; do urls+=("mysql://root@127.0.0.1:$(group_port "$server")/test"); done
  (IFS=, && echo "export KSS_TEST_GROUP_URLS=${urls[*]}")
}

# The verbs for one server.
group_kill() {
  kill -KILL "$(group_pid "$1")" || return
  for _ in $(seq 100); do
    group_runs "$1" || return 0
    sleep 0.05
  done
  return 1
}
group_rejoin() { group_launch "$1" && group_join "$1"; }
# Every server takes writes from now on, whichever is named.
group_multiply() { group_sql "$1" "select group_replication_switch_to_multi_primary_mode()" >/dev/null; }

group_is_possible() {
  local found=("$mysql_root"/usr/lib/mysql/plugin/group_replication.so)
  [ -x "$mysql_root/usr/sbin/mysqld" ] && [ -f "${found[0]}" ] ||
    { say "A MySQL group is not possible: MySQL is not in $mysql_root (scripts/databases start --install fetches it)."; return 1; }
  command -v mariadb >/dev/null || { say "A MySQL group is not possible: there is no client (mariadb)."; return 1; }
}

# Folders, from one that is made once, and ports: the first that are free.
group_prepare() {
  local base=14500 server
  if [ ! -d "$group_home/empty" ]; then
    rm -rf "$group_home" && mkdir -p "$group_home" || return
    mysqld "$group_home/new" --pid-file="$group_home/new.pid" --initialize-insecure --log-error="$group_home/install.log" >&2 ||
      { say "The group's first folder could not be made ($group_home/install.log)."; return 1; }
    # The name that a server has for itself.
    rm -f "$group_home/new/auto.cnf"
    mv "$group_home/new" "$group_home/empty"
  fi
  until group_ports_are_free "$base"; do base=$((base + 20)); done
  echo "$base" >"$group_home/base"
  for server in "${group_servers[@]}"; do
    rm -rf "${group_home:?}/$server" "$group_home/$server.log" && cp -a "$group_home/empty" "$group_home/$server" || return
  done
}

group_ports_are_free() {
  local at
  for at in 1 2 3 11 12 13; do ! listens "tcp://127.0.0.1:$(($1 + at))" 0 || return; done
}

group_port() { echo $(($(cat "$group_home/base") + $1)); }
group_address() { echo "127.0.0.1:$(($(cat "$group_home/base") + 10 + $1))"; }

# It comes back once it is ready.
group_launch() {
  ! group_runs "$1" || return 0
  mysqld "$group_home/$1" --pid-file="$group_home/$1.pid" --daemonize --log-error="$group_home/$1.log" \
    --bind-address=127.0.0.1 --port="$(group_port "$1")" --server-id="$1" --report-host=127.0.0.1 \
    --gtid-mode=ON --enforce-gtid-consistency=ON --innodb-buffer-pool-size=64M --innodb-redo-log-capacity=64M \
    --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 --default-time-zone=+09:00 --max-connections=300 \
    --plugin-dir="$mysql_root/usr/lib/mysql/plugin" --plugin-load-add=group_replication.so \
    --loose-group_replication_group_name=6b737300-0000-4000-8000-000000000000 --loose-group_replication_start_on_boot=OFF \
    --loose-group_replication_local_address="$(group_address "$1")" --loose-group_replication_ip_allowlist=127.0.0.1 \
    --loose-group_replication_group_seeds="$(group_address 1),$(group_address 2),$(group_address 3)" \
    --loose-group_replication_recovery_get_public_key=ON >&2 || { say "The group's server $1 did not start ($group_home/$1.log)."; return 1; }
}

# The user by whom servers get from each other what they lack; each server has to have it before it joins.
group_introduce() {
  group_sql "$1" "set sql_log_bin = 0; create user replica@'%' identified by 'replica';
    grant replication slave, connection_admin, backup_admin, group_replication_stream on *.* to replica@'%'; set sql_log_bin = 1;
    change replication source to source_user = 'replica', source_password = 'replica' for channel 'group_replication_recovery'"
}

group_join() {
  group_sql "$1" 'start group_replication' && wait_until "The group's server $1" group_is_online "$1" ||
    { say "($group_home/$1.log)"; return 1; }
}

group_is_online() {
  [ "$(group_sql "$1" "select member_state from performance_schema.replication_group_members where member_id = @@server_uuid" 2>/dev/null)" = ONLINE ]
}

group_pid() { cat "$group_home/$1.pid"; }

# Whether all of these servers run. The number may be another process's by now.
group_runs() {
  local server
  for server in "$@"; do
    [ -f "$group_home/$server.pid" ] &&
      tr '\0' '\n' 2>/dev/null <"/proc/$(group_pid "$server")/cmdline" | grep -qxF -e "--datadir=$group_home/$server" || return
  done
}

group_sql() {
  mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$(group_port "$1")" --user=root --connect-timeout=2 \
    --batch --skip-column-names --execute="$2" </dev/null
}
