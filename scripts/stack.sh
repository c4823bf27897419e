#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A private Bailee in one folder: MariaDB, keys, pools, runner, nginx. Used by ./quickstart, the tests and the benchmark.
#
#   scripts/stack.sh --dir D [--port P] [--build B] [--workers N] [--egress LIST] [--set section.option=value]... [--tls yes] [--db SOCKET] [RATES] COMMAND
#   up | down | status           everything
#   start NAME | stop NAME       one of: db public api runner nginx
#   kill NAME [SIGNAL]           signal the main process of NAME (default KILL)
#   pid NAME                     its process id, nothing when it is not running
#   ctl ARGS... | mysql ARGS...  baileectl, or the mariadb client as root
#
# RATES: --public-rate 20r/s (page), --api-rate 100r/s (a token), --address-rate 200r/s; the last two are off until --api-rate.
# --db: a database that somebody else runs, by its socket; its root has no password. It is neither started nor stopped here.
# Sourced, it only defines functions. What is given as an option is kept in D/stack.env for later calls.
# Layout of D: bailee.conf nginx.conf keys/ db/ run/ (sockets, pid files) log/, and apps/ for definitions of the operator's own.

# Debian leaves the folders of servers out of an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

STACK_SELF=${BASH_SOURCE[0]}
STACK_TOP=${STACK_TOP:-$(cd "$(dirname "$STACK_SELF")/.." && pwd)}
STACK_PARTS=(db api public runner nginx)

stack_fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	return 1
}

# wait_until SECONDS COMMAND...: try every 50 ms until it succeeds.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# ---------------------------------------------------------------- processes

# What /proc says a part runs: a pid file is believed only when this and the start time agree.
stack_exe_name() {
	case $1 in
	db) echo mariadbd ;;
	public | api) echo bailee-fcgi ;;
	runner) echo bailee-runner ;;
	nginx) echo nginx ;;
	*) echo node ;;
	esac
}

# start time of a process in clock ticks since boot; the name in stat may hold blanks, so cut behind its ')'
stack_start_time() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086 # split into fields on purpose
	set -- $stat
	[ "$1" != Z ] && echo "${20}"
}

stack_exe_is() { # PID NAME
	local exe
	# a process that lets nobody look into it (the runner holds keys) shows its name only, unless to root
	exe=$(readlink "/proc/$1/exe" 2>/dev/null) || exe=$(cat "/proc/$1/comm" 2>/dev/null) || return 1
	exe=${exe% (deleted)}
	[ "${exe##*/}" = "$(stack_exe_name "$2")" ]
}

# Prints the process id of a running part.
stack_pid() {
	local pid started
	read -r pid started 2>/dev/null <"$STACK_DIR/run/$1.pid" || return 1
	[ "$(stack_start_time "$pid")" = "$started" ] && stack_exe_is "$pid" "$1" && echo "$pid"
}

# stack_spawn NAME COMMAND...: in a session of its own, so that a whole part can be ended, not only its first process.
stack_spawn() {
	local name=$1 pid
	shift
	stack_stop "$name" # leftovers of one whose first process was killed
	setsid "$@" >>"$STACK_DIR/log/$name.log" 2>&1 </dev/null &
	pid=$!
	printf '%s %s\n' "$pid" "$(stack_start_time "$pid")" >"$STACK_DIR/run/$name.pid"
	disown "$pid" 2>/dev/null || true
}

stack_say_log() { # NAME: the end of its log, for an error message
	[ -s "$STACK_DIR/log/$1.log" ] && tail -n "${2:-15}" "$STACK_DIR/log/$1.log" | sed "s/^/    $1: /" >&2
	return 0
}

# stack_ready NAME SECONDS CHECK...: wait for a part just spawned; its log is shown when it does not come up.
stack_ready() {
	local name=$1 seconds=$2
	shift 2
	local end=$((SECONDS + seconds))
	while ((SECONDS < end)); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		if ! stack_start_time "$(cut -d' ' -f1 "$STACK_DIR/run/$name.pid")" >/dev/null; then
			stack_say_log "$name"
			stack_fail "$name ended at its start"
			return 1
		fi
		sleep 0.05
	done
	stack_say_log "$name"
	stack_fail "$name was not ready after $seconds seconds"
}

# Ends a part: TERM, then KILL when it does not go; what is left of its process group goes too.
stack_stop() {
	local name=$1 pid group other
	pid=$(stack_pid "$name") && kill -TERM "$pid" 2>/dev/null &&
		! wait_until "${2:-40}" stack_gone "$pid" && kill -KILL "$pid" 2>/dev/null &&
		wait_until 10 stack_gone "$pid"
	read -r group _ 2>/dev/null <"$STACK_DIR/run/$name.pid" || return 0
	for other in $(pgrep -g "$group" 2>/dev/null); do
		if stack_exe_is "$other" "$name"; then
			kill -KILL "$other" 2>/dev/null && wait_until 10 stack_gone "$other"
		fi
	done
	rm -f "$STACK_DIR/run/$name.pid"
}

stack_gone() { ! stack_start_time "$1"; }

stack_kill() {
	local pid
	pid=$(stack_pid "$1") || { stack_fail "$1 is not running"; return 1; }
	kill -"${2:-KILL}" "$pid"
}

# The folders, closed to other users: the database's root needs no password beyond reaching its socket.
stack_folders() {
	mkdir -p "$STACK_DIR/run" "$STACK_DIR/log" "$STACK_DIR/keys" && chmod 0700 "$STACK_DIR" "$STACK_DIR/keys"
}

# ---------------------------------------------------------------- database

# Not the character set of whoever calls: without a locale that would be another one than the tables have.
stack_mysql() { mariadb --no-defaults --default-character-set=utf8mb4 --socket="$(stack_db_socket)" -uroot "$@"; }

stack_db_socket() { echo "${STACK_DB_SOCKET:-$STACK_DIR/run/db.sock}"; }

stack_db_alive() { mariadb-admin --no-defaults --socket="$(stack_db_socket)" -uroot --silent ping; }

stack_user_option() { [ "$(id -u)" = 0 ] && echo --user=root; }

# A fresh data folder: made beside its place and renamed, so that a broken attempt leaves nothing that looks good. Its own
# tmpdir: a server that starts removes every #sql file it finds there, those of another that is just at work too.
stack_db_make() { # FOLDER
	local fresh=$1.new.$$ log=$STACK_DIR/log/db-install.log
	rm -rf "$fresh"
	# shellcheck disable=SC2046 # no option for an ordinary user
	mariadb-install-db --no-defaults $(stack_user_option) --datadir="$fresh" --tmpdir="$STACK_DIR/run/db-tmp" \
		--skip-test-db --auth-root-authentication-method=normal >"$log" 2>&1 ||
		{ grep -i error "$log" >&2 || tail -n 15 "$log" >&2; stack_fail "could not make the database folder"; return 1; }
	mv "$fresh" "$1"
}

stack_start_db() {
	stack_pid db >/dev/null && return 0
	if [ -n "${STACK_DB_SOCKET:-}" ]; then
		wait_until 60 stack_db_alive || stack_fail "no database at $STACK_DB_SOCKET"
		return
	fi
	if [ "${#STACK_DIR}" -gt 90 ]; then
		stack_fail "$STACK_DIR is too long a path for a Unix socket (at most 90 characters)"
		return 1
	fi
	mkdir -p "$STACK_DIR/run/db-tmp"
	[ -d "$STACK_DIR/db" ] || stack_db_make "$STACK_DIR/db" || return 1
	# shellcheck disable=SC2046
	stack_spawn db mariadbd --no-defaults $(stack_user_option) --datadir="$STACK_DIR/db" \
		--socket="$STACK_DIR/run/db.sock" --pid-file="$STACK_DIR/run/mariadbd.pid" \
		--tmpdir="$STACK_DIR/run/db-tmp" --skip-networking --skip-name-resolve \
		--innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=64M --innodb-log-file-size=32M \
		--character-set-server=utf8mb4 --transaction-isolation=READ-COMMITTED \
		--sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION --performance-schema=OFF --max-connections=300
	stack_ready db 60 stack_db_alive
}

# ---------------------------------------------------------------- configuration

# stack_options SECTION: the --set options of that section
stack_options() {
	local pair
	for pair in ${STACK_SET:-}; do
		[ "${pair%%.*}" = "$1" ] && printf '%s\n' "${pair#*.}"
	done
	return 0
}

# Where the site is.
stack_url() { echo "http${STACK_TLS:+s}://127.0.0.1:$STACK_PORT"; }

stack_write_conf() {
	local keys=$STACK_DIR/keys account
	for account in public api runner ctl; do
		if [ ! -s "$keys/db-$account.password" ]; then
			(umask 0377 && od -An -N24 -w24 -tx1 /dev/urandom | tr -d ' ' >"$keys/db-$account.password")
		fi
	done
	cat >"$STACK_DIR/bailee.conf.new" <<CONF
# Written by scripts/stack.sh at every start.
[common]
db_socket = $(stack_db_socket)
db_name = bailee
public_url = $(stack_url)
apps_dir = $STACK_TOP/apps
schema_dir = $STACK_TOP/schema
openapi_file = $STACK_TOP/docs/openapi/schemas.json
signing_public_file = $keys/signing-public.key
runner_doorbell = $STACK_DIR/run/runner.bell
runner_poll_ms = 100
$([ ! -d "$STACK_DIR/apps" ] || echo "apps_extra_dir = $STACK_DIR/apps")
$(stack_options common)

[public]
db_user = bailee_public
db_password_file = $keys/db-public.password
listen_socket = $STACK_DIR/run/public.sock
workers = $STACK_WORKERS
$(stack_options public)

[api]
db_user = bailee_api
db_password_file = $keys/db-api.password
listen_socket = $STACK_DIR/run/api.sock
workers = $STACK_WORKERS
master_key_file = $keys/master.key
token_key_file = $keys/token.key
$(stack_options api)

[runner]
db_user = bailee_runner
db_password_file = $keys/db-runner.password
master_key_file = $keys/master.key
egress_allow = $STACK_EGRESS
$(stack_options runner)

[ctl]
db_user = bailee_ctl
db_password_file = $keys/db-ctl.password
master_key_file = $keys/master.key
signing_key_file = $keys/signing.key
token_key_file = $keys/token.key
$(stack_options ctl)
CONF
	mv "$STACK_DIR/bailee.conf.new" "$STACK_DIR/bailee.conf"
}

stack_ctl() { "$STACK_BUILD/baileectl" --config "$STACK_DIR/bailee.conf" "$@"; }

# Has this database been made an installation?
stack_installed() { [ "$(stack_mysql -N -e 'SELECT COUNT(*) FROM install_check' bailee 2>/dev/null)" -gt 0 ] 2>/dev/null; }

# Database and its owner, then key files, schema and the accounts of the programs.
stack_init() {
	local password
	read -r password <"$STACK_DIR/keys/db-ctl.password"
	stack_mysql <<-SQL || return 1
		CREATE DATABASE IF NOT EXISTS bailee CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
		CREATE USER IF NOT EXISTS 'bailee_ctl'@'localhost' IDENTIFIED BY '$password';
		ALTER USER 'bailee_ctl'@'localhost' IDENTIFIED BY '$password';
		GRANT ALL ON bailee.* TO 'bailee_ctl'@'localhost';
	SQL
	if stack_installed; then
		stack_ctl migrate >/dev/null || return 1
	else
		stack_ctl init >/dev/null || return 1
	fi
	stack_ctl accounts | stack_mysql bailee
}

# ---------------------------------------------------------------- pools, runner, nginx

stack_socket_answers() { [ -S "$STACK_DIR/run/$1.sock" ]; }

stack_start_pool() {
	stack_pid "$1" >/dev/null && return 0
	rm -f "$STACK_DIR/run/$1.sock"
	stack_spawn "$1" "$STACK_BUILD/bailee-fcgi" --config "$STACK_DIR/bailee.conf" --pool="$1"
	stack_ready "$1" 30 stack_socket_answers "$1"
}

stack_runner_alive() { stack_pid runner; }

stack_start_runner() {
	stack_pid runner >/dev/null && return 0
	stack_spawn runner "$STACK_BUILD/bailee-runner" --config "$STACK_DIR/bailee.conf"
	stack_ready runner 30 stack_runner_alive
}

stack_port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Signed by itself, for this machine's own address.
stack_make_certificate() {
	[ -s "$STACK_DIR/keys/tls.crt" ] || (umask 0077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$STACK_DIR/keys/tls.key" \
		-out "$STACK_DIR/keys/tls.crt" >"$STACK_DIR/log/openssl.log" 2>&1)
}

stack_write_nginx() {
	local user='' limits=off listen=127.0.0.1:$STACK_PORT
	[ -z "${STACK_API_RATE:-}" ] || limits=on
	# Workers of a root nginx would become "nobody", who cannot enter a private folder.
	[ "$(id -u)" = 0 ] && user='user root root;'
	mkdir -p "$STACK_DIR/run/nginx"
	if [ -n "${STACK_TLS:-}" ]; then
		stack_make_certificate || return 1
		listen="$listen ssl http2; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;"
		listen="$listen ssl_certificate $STACK_DIR/keys/tls.crt; ssl_certificate_key $STACK_DIR/keys/tls.key"
	fi
	sed -e "s|@LISTEN@|$listen|" -e "s|@RUN_DIR@|$STACK_DIR/run|" \
		-e "s|@LOG_DIR@|$STACK_DIR/log|" -e "s|@WEB_DIR@|$STACK_TOP/web|" \
		-e "s|@PUBLIC_RATE@|${STACK_PUBLIC_RATE:-20r/s}|" -e "s|@API_LIMITS@|$limits|" \
		-e "s|@API_RATE@|${STACK_API_RATE:-100r/s}|" -e "s|@ADDRESS_RATE@|${STACK_ADDRESS_RATE:-200r/s}|" \
		"$STACK_TOP/nginx/bailee.conf.in" >"$STACK_DIR/nginx-site.conf"
	sed -e "s|@USER@|$user|" -e "s|@RUN_DIR@|$STACK_DIR/run|" -e "s|@LOG_DIR@|$STACK_DIR/log|" \
		-e "s|@SITE@|$STACK_DIR/nginx-site.conf|" "$STACK_TOP/nginx/nginx.conf.in" >"$STACK_DIR/nginx.conf"
}

# nginx itself answers any path, whether or not the pools behind it do. It writes its file once the port is its own: until then
# it may be another program that answers there.
stack_nginx_alive() { [ -s "$STACK_DIR/run/nginx/nginx.pid" ] && curl -sk -o /dev/null --max-time 2 "$(stack_url)/"; }

stack_start_nginx() {
	stack_pid nginx >/dev/null && return 0
	if stack_port_taken "$STACK_PORT"; then
		stack_fail "port $STACK_PORT on 127.0.0.1 is taken by another program; choose one with --port"
		return 1
	fi
	stack_write_nginx
	rm -f "$STACK_DIR/run/nginx/nginx.pid"
	stack_spawn nginx nginx -e "$STACK_DIR/log/nginx-error.log" -p "$STACK_DIR" \
		-c "$STACK_DIR/nginx.conf" -g 'daemon off;'
	stack_ready nginx 15 stack_nginx_alive
}

stack_start() {
	case $1 in
	db) stack_start_db ;;
	public | api) stack_start_pool "$1" ;;
	runner) stack_start_runner ;;
	nginx) stack_start_nginx ;;
	*) stack_fail "no such part: $1" ;;
	esac
}

stack_answers() {
	[ "$(curl -sk -o /dev/null --max-time 5 -w '%{http_code}' "$(stack_url)$1")" = 200 ]
}

# Everything; what runs already is left alone.
stack_up() {
	local program
	for program in bailee-fcgi bailee-runner baileectl; do
		[ -x "$STACK_BUILD/$program" ] || { stack_fail "$STACK_BUILD/$program is not built"; return 1; }
	done
	if ! stack_pid nginx >/dev/null && stack_port_taken "$STACK_PORT"; then
		stack_fail "port $STACK_PORT on 127.0.0.1 is taken by another program; choose one with --port"
		return 1
	fi
	stack_folders || return 1
	stack_save || return 1
	stack_write_conf && stack_start_db && stack_init && stack_start api && stack_start public &&
		stack_start runner && stack_start nginx || return 1
	wait_until 30 stack_answers /readyz || {
		curl -sk --max-time 5 "$(stack_url)/readyz" >&2
		stack_say_log api
		stack_say_log runner
		stack_fail "started, but /readyz does not answer 200"
	}
}

stack_down() {
	local at
	for ((at = ${#STACK_PARTS[@]} - 1; at >= 0; at--)); do
		stack_stop "${STACK_PARTS[at]}"
	done
}

stack_status() {
	local part pid all=0
	for part in "${STACK_PARTS[@]}" "$@"; do
		if pid=$(stack_pid "$part"); then
			printf '%-8s running (%s)\n' "$part" "$pid"
		else
			printf '%-8s stopped\n' "$part"
			all=1
		fi
	done
	return $all
}

# ---------------------------------------------------------------- parameters

STACK_KEPT=(STACK_PORT STACK_BUILD STACK_WORKERS STACK_EGRESS STACK_SET STACK_PUBLIC_RATE STACK_API_RATE STACK_ADDRESS_RATE STACK_TLS STACK_DB_SOCKET)

stack_save() {
	local name
	for name in "${STACK_KEPT[@]}"; do
		printf '%s=%q\n' "$name" "${!name:-}"
	done >"$STACK_DIR/stack.env"
}

# What was kept, unless this call says otherwise, then the defaults.
stack_defaults() {
	local name given=()
	for name in "${STACK_KEPT[@]}"; do
		given+=("${!name:-}")
	done
	if [ -r "$STACK_DIR/stack.env" ]; then
		# shellcheck source=/dev/null
		. "$STACK_DIR/stack.env"
	fi
	for name in "${STACK_KEPT[@]}"; do
		[ -n "${given[0]}" ] && printf -v "$name" '%s' "${given[0]}"
		given=("${given[@]:1}")
	done
	: "${STACK_PORT:=8080}" "${STACK_BUILD:=$STACK_TOP/build}" "${STACK_WORKERS:=4}" "${STACK_EGRESS:=127.0.0.1}"
}

stack_main() {
	set -u
	while [ $# -gt 0 ]; do
		case $1 in
		--dir) STACK_DIR=$2 ;;
		--port) STACK_PORT=$2 ;;
		--build) STACK_BUILD=$(cd "$2" && pwd) || return 1 ;;
		--workers) STACK_WORKERS=$2 ;;
		--egress) STACK_EGRESS=$2 ;;
		--tls) STACK_TLS=$2 ;;
		--db) STACK_DB_SOCKET=$2 ;;
		--public-rate) STACK_PUBLIC_RATE=$2 ;;
		--api-rate) STACK_API_RATE=$2 ;;
		--address-rate) STACK_ADDRESS_RATE=$2 ;;
		--set) STACK_SET="${STACK_SET:-} $2" ;;
		*) break ;;
		esac
		shift 2
	done
	if [ -z "${STACK_DIR:-}" ] || [ $# = 0 ]; then
		sed -n '3,14s/^# \{0,1\}//p' "$STACK_SELF" >&2
		return 2
	fi
	mkdir -p "$STACK_DIR" && STACK_DIR=$(cd "$STACK_DIR" && pwd) || return 1
	stack_folders || return 1
	stack_defaults
	local command=$1
	shift
	case $command in
	up | down | status | start | stop | kill | pid | ctl | mysql) "stack_$command" "$@" ;;
	*) stack_fail "no such command: $command" ;;
	esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	stack_main "$@"
fi
