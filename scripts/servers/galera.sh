# shellcheck shell=bash
# A Galera cluster: three nodes of Debian's MariaDB on loopback, with folders, ports and processes of their own. Node 1 begins
# it, and the others get what they lack from it: all of it by rsync, or little. The folders are kept where the cluster was
# stopped in order, and made anew otherwise. Debian's mariadb-server brings the provider and rsync. Sourced by
# scripts/databases.

galera_home="$state/galera"
galera_nodes=(1 2 3)

galera_start() {
  local node
  galera_is_possible || return
  if [ ! -f "$galera_home/base" ] || ! galera_runs 1 2 3; then
    galera_stop
    galera_prepare && galera_launch 1 --wsrep-new-cluster && galera_wait 1 &&
      galera_sql 1 'create database if not exists test' || return
    # Both at once: one is given the state while the other asks again.
    for node in 2 3; do galera_launch "$node" || return; done
    for node in 2 3; do galera_wait "$node" || return; done
  fi
}

galera_stop() {
  local node
  for node in 3 2; do ! galera_runs "$node" || { kill -CONT "$(galera_pid "$node")" && kill "$(galera_pid "$node")"; }; done
  for node in 3 2 1; do
    galera_runs "$node" || continue
    kill -CONT "$(galera_pid "$node")"
    stop_process "Galera's node $node" "$(galera_pid "$node")"
  done
}

galera_install() { apt_install MariaDB mariadbd mariadb-server && apt_install rsync rsync rsync; }

galera_print_url() {
  galera_runs 1 2 3 || return
  local node urls=()
  for node in "${galera_nodes[@]}"; do urls+=("mysql://root@127.0.0.1:$(galera_port "$node" 0)/test"); done
  (IFS=, && echo "export KSS_TEST_GALERA_URLS=${urls[*]}")
}

# The verbs for one node.
galera_kill() { kill -KILL "$(galera_pid "$1")" && galera_gone "$1"; }
galera_freeze() { kill -STOP "$(galera_pid "$1")"; }
galera_thaw() { kill -CONT "$(galera_pid "$1")"; }
galera_rejoin() { galera_launch "$1" && galera_wait "$1"; }

galera_is_possible() {
  local program
  for program in mariadbd mariadb mariadb-install-db rsync; do
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || { say "Galera is not possible: there is no $program."; return 1; }
  done
  [ -f "$(galera_provider)" ] || { say "Galera is not possible: there is no provider (galera-4 is not installed)."; return 1; }
}

# As root, rsync receives a node's state as nobody, who may not.
galera_owner() { if [ "$(id -u)" = 0 ]; then echo mysql; else id -un; fi; }

galera_provider() {
  local found=(/usr/lib/galera/libgalera_smm.so /usr/lib*/galera*/libgalera_smm.so)
  echo "${found[0]}"
}

# Folders and ports; the ports are the first free ones, twelve in a row of hundreds below those that the kernel lends.
galera_prepare() {
  local base node
  # Node 1 was stopped last, so it lacks nothing.
  if grep -qx 'safe_to_bootstrap: 1' "$galera_home/1/grastate.dat" 2>/dev/null && galera_ports_are_free "$(cat "$galera_home/base")"; then
    return
  fi
  if [ ! -d "$galera_home/empty" ]; then
    rm -rf "$galera_home" && mkdir -p "$galera_home" || return
    mariadb-install-db --no-defaults --user="$(galera_owner)" --datadir="$galera_home/new" --skip-test-db --innodb-log-file-size=16M \
      --auth-root-authentication-method=normal >"$galera_home/install.out" 2>&1 </dev/null ||
      { say "Galera's first folder could not be made ($galera_home/install.out)."; return 1; }
    mv "$galera_home/new" "$galera_home/empty"
  fi
  for base in $(seq 13300 100 30000); do ! galera_ports_are_free "$base" || break; done
  echo "$base" >"$galera_home/base"
  for node in "${galera_nodes[@]}"; do
    rm -rf "${galera_home:?}/$node" "$galera_home/$node.log" && cp -a "$galera_home/empty" "$galera_home/$node" || return
  done
}

galera_ports_are_free() {
  local at
  for at in 10 11 12 13 20 21 22 23 30 31 32 33; do ! listens "tcp://127.0.0.1:$(($1 + at))" 0 || return; done
}

# galera_port <node> <0 for SQL, 1 for the group, 2 for a part of the state, 3 for all of it>
galera_port() { echo $(($(cat "$galera_home/base") + $1 * 10 + $2)); }

# galera_launch <node> <option…>: the options are of a node that trusts the others to keep what it writes.
galera_launch() {
  local node="$1" address peers=() peer
  shift
  galera_runs "$node" && return
  for peer in "${galera_nodes[@]}"; do peers+=("127.0.0.1:$(galera_port "$peer" 1)"); done
  address="$(IFS=, && echo "${peers[*]}")"
  # tmpdir: a node that starts removes the temporary tables of every other server there.
  # setsid: what ends the tests (an interrupt from the keyboard) is not to end a node half-way.
  PATH="$PATH:/usr/sbin" setsid mariadbd --no-defaults --user="$(galera_owner)" --datadir="$galera_home/$node" --socket=node.sock --tmpdir="$galera_home/$node" \
    --bind-address=127.0.0.1 \
    --port="$(galera_port "$node" 0)" --skip-name-resolve --default-time-zone=+09:00 --max-connections=300 \
    --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=2 \
    --innodb-autoinc-lock-mode=2 --binlog-format=ROW --performance-schema=OFF \
    --wsrep-on=ON --wsrep-provider="$(galera_provider)" --wsrep-cluster-name=kss --wsrep-node-name="node$node" \
    --wsrep-cluster-address="gcomm://$address" --wsrep-node-address="127.0.0.1:$(galera_port "$node" 1)" \
    --wsrep-sst-method=rsync --wsrep-sst-receive-address="127.0.0.1:$(galera_port "$node" 3)" --wsrep-slave-threads=2 \
    --wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:$(galera_port "$node" 1);ist.recv_addr=127.0.0.1:$(galera_port "$node" 2);gcache.size=64M" \
    "$@" >>"$galera_home/$node.log" 2>&1 </dev/null &
  echo $! >"$galera_home/$node.pid"
  disown
}

galera_pid() { cat "$galera_home/$1.pid"; }

# Whether all of these nodes run. The number may be another process's by now.
galera_runs() {
  local node
  for node in "$@"; do
    [ -f "$galera_home/$node.pid" ] &&
      tr '\0' '\n' 2>/dev/null <"/proc/$(galera_pid "$node")/cmdline" | grep -qxF -e "--datadir=$galera_home/$node" || return
  done
}

galera_gone() {
  for _ in $(seq 100); do
    galera_runs "$1" || return 0
    sleep 0.05
  done
  say "Galera's node $1 is still there."
  return 1
}

# Until the node has all that the others have.
galera_wait() {
  wait_until "Galera's node $1" galera_is_synced "$1" || { say "($galera_home/$1.log)"; return 1; }
}

galera_is_synced() {
  [ "$(galera_sql "$1" "select group_concat(variable_value order by variable_name) from information_schema.global_status
    where variable_name in ('wsrep_local_state_comment', 'wsrep_ready')" 2>/dev/null)" = Synced,ON ]
}

galera_sql() {
  mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$(galera_port "$1" 0)" --user=root --connect-timeout=2 \
    --batch --skip-column-names --execute="$2" </dev/null
}
