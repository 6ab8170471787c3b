# shellcheck shell=bash
# PostgreSQL, as Debian installs it. Sourced by scripts/databases.

postgres_url="${KSS_TEST_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432/postgres}"

postgres_print_url() { print_url KSS_TEST_POSTGRES_URL "$postgres_url" postgres_answers; }

postgres_answers() {
  if command -v psql >/dev/null; then
    PGCONNECT_TIMEOUT=2 psql "$postgres_url" -wXAtqc 'select 1' </dev/null 2>&1 >/dev/null
  else
    listens "$postgres_url" 5432
  fi
}

postgres_start() {
  startable PostgreSQL "$postgres_url" 5432 || return
  command -v pg_ctlcluster >/dev/null || { say "PostgreSQL is not installed (there is no pg_ctlcluster)."; return 1; }
  local port cluster version name
  port="$(port_of "$postgres_url" 5432)"
  cluster="$(pg_lsclusters --no-header | awk -v port="$port" '$3 == port { print $1, $2; exit }')"
  [ -n "$cluster" ] || { say "PostgreSQL has no cluster on port $port (pg_createcluster makes one)."; return 1; }
  read -r version name <<<"$cluster"
  pg_ctlcluster --skip-systemctl-redirect "$version" "$name" start >&2 || { say "PostgreSQL did not start."; return 1; }
  mkdir -p "$state" && echo "$cluster" >"$state/postgres"
  wait_until PostgreSQL listens "$postgres_url" 5432
}

postgres_stop() {
  [ -f "$state/postgres" ] || return 0
  local version name
  read -r version name <"$state/postgres"
  pg_ctlcluster --skip-systemctl-redirect "$version" "$name" stop --mode fast >&2
  rm -f "$state/postgres"
  say "PostgreSQL was stopped."
}

postgres_install() { apt_install PostgreSQL pg_ctlcluster postgresql; }

# Debian asks for a password over TCP, and its superuser has none.
postgres_admit() {
  postgres_answers >/dev/null && return
  listens "$postgres_url" 5432 && command -v pg_lsclusters >/dev/null || return
  local port config
  port="$(port_of "$postgres_url" 5432)"
  config="$(pg_lsclusters --no-header | awk -v port="$port" '$3 == port { print "/etc/postgresql/" $1 "/" $2; exit }')"
  [ -f "$config/pg_hba.conf" ] || return
  say "PostgreSQL lets 127.0.0.1 in without a password from now on ($config/pg_hba.conf)."
  sed -i '1i host all all 127.0.0.1/32 trust' "$config/pg_hba.conf"
  su postgres -c "psql -p $port -XAtqc 'select pg_reload_conf()'" >/dev/null
  wait_until PostgreSQL postgres_answers
}
