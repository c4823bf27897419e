#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside a booted Debian 12: installs Bailee by the blocks of docs/OPERATING.md, then holds the units to what they promise. TAP.
#
#   tests/systemd/inside.sh install | again     again: after a boot; what was installed is up by itself
# shellcheck disable=SC2317 # much is reached through "$@"
set -u
cd "$(dirname "$0")/../.." || exit 2
URL=http://127.0.0.1:8080
VENDOR=http://127.0.0.1:8099
SERVICES=(bailee-api bailee-public bailee-runner)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

# ok NAME COMMAND...: one test; its output is shown when it fails.
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1 </dev/null; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		tail -n 40 "$work/out" | sed 's/^/# /'
	fi
}

within() { # SECONDS COMMAND...: succeeds in time
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# The shell blocks of the first section of docs/OPERATING.md, into files of their own.
doc_blocks() {
	awk -v dir="$work" '/^## /{ section++ } section == 1 && /^ *```sh$/ { file = sprintf("%s/block%02d", dir, ++b); inside = 1; next }
		/^ *```$/ { inside = 0 } section == 1 && inside { sub(/^   /, ""); print > file }' docs/OPERATING.md
}

pid_of() { systemctl show -p MainPID --value "$1"; }
answers() { [ "$(curl -s -o "$work/answer" -w '%{http_code}' --max-time 15 "$URL$1")" = "${2:-200}" ]; }
api() { # METHOD PATH [BODY]: the answer goes to $work/answer, its status is printed
	curl -s -o "$work/answer" -w '%{http_code}' --max-time 30 -X "$1" -H @"$work/bearer" \
		-H 'Content-Type: application/json' ${3:+--data "$3"} "$URL$2"
}
all_active() { systemctl is-active "${SERVICES[@]}" bailee-api.socket bailee-public.socket; }
is_ready() { answers /readyz; }
is_running() { [ "$(systemctl is-system-running)" = running ]; }

has_token() {
	sed -n 's/.*\(bl_[0-9A-Za-z_]*\).*/Authorization: Bearer \1/p' /root/bailee.token >"$work/bearer"
	[ -s "$work/bearer" ]
}

# ---------------------------------------------------------------- installing

install_by_the_book() {
	local block
	doc_blocks
	for block in "$work"/block*; do
		ok "docs/OPERATING.md, block ${block#"$work"/block}: $(head -n 1 "$block" | cut -c 1-60)" bash -euo pipefail "$block"
		! grep -q 'token create' "$block" || install -m 0600 "$work/out" /root/bailee.token
	done
}

use_vendor() {
	mkdir -p /run/systemd/system/bailee-runner.service.d /run/systemd/system
	printf '[Service]\nEnvironment=BAILEE_EGRESS_ALLOW=127.0.0.1\n' >/run/systemd/system/bailee-runner.service.d/vendor.conf
	cat >/run/systemd/system/vendor.service <<-UNIT
		[Service]
		Environment=DEMO_VENDOR_USER=demo DEMO_VENDOR_PASSWORD=canary-password
		ExecStart=node $PWD/examples/demo-vendor.mjs --port 8099
	UNIT
	systemctl daemon-reload && systemctl restart vendor bailee-runner &&
		within 10 curl -s -o /dev/null $VENDOR/stats
}

make_credential() {
	local body
	body='{"name":"Demo","mode":"MULTI_REQUEST","team_id":1,"http_request_ttl":600,
		"http_request_location_of_token":"=demo.body.token","credential_requests":[
		{"options":{"url":"'$VENDOR'/login","method":"post","content_type":"json",
			"payload":{"user":"demo","password":"<<secret>>"}},"http_request_secret":"canary-password"},
		{"options":{"url":"'$VENDOR'/token","method":"post","content_type":"json",
			"payload":{"session":"<<PREVIOUS_STEP.body.session>>"}},"http_request_secret":"unused"}]}'
	api POST /api/v1/user_credentials "$body" | grep -x 201 || { cat "$work/answer"; return 1; }
	jq -r .id "$work/answer" >/root/bailee.credential
}

token_works() {
	local id
	id=$(cat /root/bailee.credential)
	api POST "/api/v1/user_credentials/$id/token" | grep -x 200 || { cat "$work/answer"; return 1; }
	curl -s --max-time 10 -H "Authorization: Bearer $(jq -r .token "$work/answer")" $VENDOR/api/me | grep demo
}

# With the credential goes what was fetched, so that the runner has to do it anew.
token_is_fetched_anew() {
	api DELETE "/api/v1/user_credentials/$(cat /root/bailee.credential)" | grep -x 20. && make_credential && token_works
}

# ---------------------------------------------------------------- the units

# shellcheck disable=SC2016 # for the shell inside
bell_can_be_rung() {
	local unit try='test -S /run/bailee-runner/bell && test -w /run/bailee-runner/bell'
	for unit in bailee-api bailee-public; do
		probe "$unit" "$try" || return 1
	done
	! setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c "$try"
}

keys_are_the_units_own() {
	local unit
	for unit in "${SERVICES[@]}"; do
		nsenter -t "$(pid_of "$unit")" -m ls -l "/run/credentials/$unit.service" | grep 'r--------.* db-password' || return 1
		! setpriv --reuid=nobody --regid=nogroup --clear-groups cat "/run/credentials/$unit.service/db-password" || return 1
	done
	! nsenter -t "$(pid_of bailee-public)" -m ls /run/credentials/bailee-public.service | grep -E 'key' || return 1
	[ "$(stat -c '%U %a' /etc/bailee/master.key)" = 'root 400' ]
}

status_says() { # UNIT FIELD VALUE: of the main process and every child
	local pid
	for pid in $(pid_of "$1") $(pgrep -P "$(pid_of "$1")"); do
		echo "$1 $pid $(grep -E "^$2:" "/proc/$pid/status")"
		grep -qE "^$2:[[:space:]]*$3\$" "/proc/$pid/status" || return 1
	done
}

confined() {
	local unit
	for unit in "${SERVICES[@]}"; do
		status_says "$unit" NoNewPrivs 1 && status_says "$unit" Seccomp 2 && status_says "$unit" CapBnd 0+ &&
			status_says "$unit" CapEff 0+ || return 1
		grep -E 'Max core file size +0 +0 ' "/proc/$(pid_of "$unit")/limits" || return 1
	done
}

secrets_are_locked_in_memory() {
	local worker
	worker=$(pgrep -P "$(pid_of bailee-api)" | head -n 1)
	for pid in "$worker" "$(pid_of bailee-runner)"; do
		grep -E '^VmLck:[[:space:]]+[1-9]' "/proc/$pid/status" || return 1
	done
	! journalctl -b -q --no-pager -u 'bailee-*' | grep memory_not_locked
}

# The same unit with a shell in place of the program: what it can do is what a program gone wrong could.
probe() { # UNIT COMMAND: succeeds when the command does
	sed -e '/^ExecStart=/d' -e '/^Restart/d' -e '/^Type=/d' -e '/^WantedBy=/d' -e '/^Also=/d' -e '/^Requires=/d' -e '/^PartOf=/d' \
		-e '/^RuntimeDirectory/d' \
		"/usr/local/lib/systemd/system/$1.service" >/run/systemd/system/probe.service
	printf '[Service]\nType=oneshot\nExecStart=/bin/bash /run/bailee-probe.sh\n' >>/run/systemd/system/probe.service
	printf '%s\n' "$2" >/run/bailee-probe.sh
	systemctl daemon-reload
	systemctl reset-failed probe 2>/dev/null
	systemctl start probe || { journalctl -q --no-pager -n 5 -u probe; return 1; }
}

# shellcheck disable=SC2016 # for the shell inside
sandbox_holds() { # UNIT
	local try
	probe "$1" 'cat "$CREDENTIALS_DIRECTORY/db-password" && test -w /tmp && ls /usr' || return 1
	for try in 'echo>/etc/x' 'echo>/usr/x' 'echo>/var/lib/x' 'echo>/run/bailee/x' 'cat</etc/bailee/master.key' 'ls>/dev/null</root' \
		'unshare -r true' 'ls>/dev/null</proc/1/environ' 'cat</proc/sys/kernel/random/uuid' 'chmod u+s $(mktemp)' \
		'test -e /dev/kmsg' 'ls>/dev/null</home'; do
		if probe "$1" "$try"; then
			echo "$1 can: $try"
			return 1
		fi
	done
}

no_network() {
	exec 3<>/dev/tcp/127.0.0.1/3306 && exec 3>&- || return 1 # there is something to be reached
	probe "$1" 'mysqladmin --version' && ! probe "$1" 'exec 3<>/dev/tcp/127.0.0.1/3306' && ! probe "$1" 'exec 3<>/dev/udp/127.0.0.1/53'
}

exposure() { # UNIT MOST: of systemd-analyze security, in tenths
	local found
	found=$(systemd-analyze --no-pager security "$1" | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
	echo "$1 $found"
	[ "$((10#$found))" -le "$2" ]
}

# ---------------------------------------------------------------- under load

load() { # SECONDS: three callers in a row each; one line a call with its status
	local end=$((SECONDS + $1))
	for _ in 1 2 3; do
		while ((SECONDS < end)); do
			curl -s -o /dev/null --max-time 40 -w '%{http_code}\n' -H @"$work/bearer" "$URL/api/v1/user_credentials"
			sleep 0.05
		done >>"$work/load" &
	done
}

no_request_is_lost() { # COMMAND...: done three times under load
	local jobs_before
	: >"$work/load"
	jobs_before=$(jobs -p)
	load 9
	for _ in 1 2 3; do
		sleep 2
		"$@" || return 1
	done
	# shellcheck disable=SC2046,SC2086 # a list of numbers
	wait $(comm -13 <(echo $jobs_before | tr ' ' '\n' | sort) <(jobs -p | sort))
	sort "$work/load" | uniq -c
	[ "$(grep -c . "$work/load")" -gt 50 ] && ! grep -vx 200 "$work/load"
}

# Whoever asks in the second without a runner is told to come again, and nothing else.
restarted_runner_serves_again() {
	api DELETE "/api/v1/user_credentials/$(cat /root/bailee.credential)" | grep -x 204 && make_credential || return 1
	systemctl restart --no-block bailee-runner
	until token_works >"$work/token"; do
		cat "$work/token"
		grep -q 'no job runner is at work' "$work/answer" || return 1
		sleep 0.2
	done
}

comes_back() { # UNIT SIGNAL
	local before
	before=$(pid_of "$1")
	kill -"$2" "$before"
	within 15 eval "[ \"\$(pid_of $1)\" != $before ] && [ \"\$(pid_of $1)\" != 0 ] && systemctl -q is-active $1" && within 15 is_ready
}

dies_often() {
	for _ in 1 2 3 4 5 6 7; do
		kill -KILL "$(pid_of "$1")"
		within 15 eval "[ \"\$(pid_of $1)\" != 0 ] && systemctl -q is-active $1" || return 1
	done
	within 15 is_ready
}

# With a watchdog of seconds: one that is well stays, through three times of it, and one that hangs is started again.
hangs_and_is_ended() { # UNIT
	local before status=1
	mkdir -p "/run/systemd/system/$1.service.d"
	printf '[Service]\nWatchdogSec=4s\n' >"/run/systemd/system/$1.service.d/watchdog.conf"
	systemctl daemon-reload && systemctl restart "$1" && before=$(pid_of "$1") && sleep 12 &&
		[ "$(pid_of "$1")" = "$before" ] && kill -STOP "$before" &&
		within 20 eval "[ \"\$(pid_of $1)\" != $before ] && [ \"\$(pid_of $1)\" != 0 ] && systemctl -q is-active $1" && status=0
	rm "/run/systemd/system/$1.service.d/watchdog.conf"
	systemctl daemon-reload && systemctl restart "$1" && within 15 is_ready && return $status
}

# ---------------------------------------------------------------- configuration, database, stopping

reload_says_it_refused() {
	cp /etc/bailee/bailee.conf "$work/conf"
	echo 'nonsense = 1' >>/etc/bailee/bailee.conf
	systemctl reload bailee-api
	within 10 eval 'systemctl status --no-pager bailee-api | grep "refused.*nonsense"' && is_ready
	local status=$?
	cp "$work/conf" /etc/bailee/bailee.conf
	systemctl reload bailee-api && within 10 eval 'systemctl status --no-pager bailee-api | grep "Status.*in use"' && return $status
}

start_says_it_failed() {
	local failed
	cp /etc/bailee/bailee.conf "$work/conf"
	sed -i 's/^\[common\]/[common]\nnonsense = 1/' /etc/bailee/bailee.conf
	for unit in bailee-api bailee-runner; do
		! systemctl restart "$unit" || failed=no
		[ "$(systemctl show -p ExecMainStatus --value $unit)" = 78 ] || failed=no
	done
	sleep 3
	[ "$(systemctl is-active bailee-runner)" = failed ] || failed=no
	cp "$work/conf" /etc/bailee/bailee.conf
	systemctl start bailee.target && all_active && within 15 is_ready && [ -z "${failed:-}" ]
}

starts_before_the_database() {
	# with its sockets, which would start it
	systemctl stop bailee.target 'bailee-*' 'mariadb*' && systemctl start bailee.target && all_active || return 1
	within 5 eval 'systemctl status --no-pager bailee-runner | grep "waiting for the database"' || return 1
	within 5 answers /healthz && answers /readyz 503 || return 1
	systemctl start mariadb && within 20 is_ready && token_is_fetched_anew
}

stop_is_a_stop() {
	systemctl stop bailee.target 'bailee-*'
	! all_active | grep -x active || return 1
	answers /api/v1/user_credentials 503 || return 1
	! pgrep -a bailee || return 1
	systemctl start bailee.target && all_active && within 15 is_ready
}

a_request_starts_a_pool() {
	systemctl stop bailee-api
	token_works && systemctl is-active bailee-api
}

database_by_address() {
	local unit
	mariadb -e "$(baileectl accounts --host 127.0.0.1)" || return 1
	for unit in bailee-api bailee-public; do
		mkdir -p /run/systemd/system/$unit.service.d
		printf '[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nIPAddressAllow=127.0.0.1\nEnvironment=BAILEE_DB_HOST=127.0.0.1\n' \
			>/run/systemd/system/$unit.service.d/database.conf
	done
	systemctl daemon-reload && systemctl restart bailee-api bailee-public && within 15 is_ready && token_works
	local status=$?
	mariadb -e 'SELECT USER, HOST FROM information_schema.PROCESSLIST' | grep 'bailee_api.*127.0.0.1\|bailee_api.*localhost:'
	rm -rf /run/systemd/system/bailee-{api,public}.service.d
	systemctl daemon-reload && systemctl restart bailee-api bailee-public && within 15 is_ready && return $status
}

priorities_arrive() {
	journalctl -b -q --no-pager -u 'bailee-*' -p warning | grep event= &&
		! journalctl -b -q --no-pager -u 'bailee-*' -p warning | grep level=info &&
		! journalctl -b -q --no-pager -u 'bailee-*' | grep -E 'bailee-[a-z]+\[[0-9]+\]: <[0-9]>'
}

nothing_was_denied() { ! journalctl -b -q --no-pager | grep -iE 'SECCOMP|status=31/SYS|signal=31'; }
no_secret_in_journal() { ! journalctl -b -q --no-pager | grep -E "canary-password|$(sed 's/.*bl_[0-9A-Za-z]*_//' "$work/bearer")"; }

# ---------------------------------------------------------------- all of it

units() {
	ok 'both pools, their sockets and the runner are active' all_active
	ok 'the site says that all is well' within 15 is_ready
	ok 'a demo vendor, which the runner may call' use_vendor
	ok 'a MULTI_REQUEST credential is made' make_credential
	ok 'its token is fetched, and the vendor takes it' token_works
	ok 'the bell can be rung by both pools, and by nobody else' bell_can_be_rung
	ok 'keys are copies for the unit alone' keys_are_the_units_own
	ok 'no privilege, no core dump, a filter on calls' confined
	ok 'what is secret is locked in memory' secrets_are_locked_in_memory
	for unit in "${SERVICES[@]}"; do
		ok "$unit: the sandbox holds" sandbox_holds "$unit"
		ok "$unit: little is exposed" exposure "$unit" 13
	done
	ok 'the api pool has no network' no_network bailee-api
	ok 'the public pool has no network' no_network bailee-public
	ok 'a restart under load loses no request' no_request_is_lost systemctl restart bailee-api
	ok 'a reload under load loses no request' no_request_is_lost systemctl reload bailee-api
	ok 'a runner that is restarted serves again' within 10 restarted_runner_serves_again
	ok 'the api pool comes back after kill -9' comes_back bailee-api KILL
	ok 'the public pool comes back after kill -9' comes_back bailee-public KILL
	ok 'the runner comes back after kill -9' comes_back bailee-runner KILL
	ok 'the runner comes back however often' dies_often bailee-runner
	for unit in "${SERVICES[@]}"; do
		ok "$unit: one that hangs is ended and started again" hangs_and_is_ended "$unit"
	done
	ok 'a token is fetched after all that' token_is_fetched_anew
	ok 'a reload that was refused is seen in the status' reload_says_it_refused
	ok 'a start that fails says so, and is not tried again' start_says_it_failed
	ok 'all starts before the database and works when it is there' starts_before_the_database
	ok 'bailee.target stops everything and starts it again' stop_is_a_stop
	ok 'a request starts a pool that was stopped by its name' a_request_starts_a_pool
	ok 'a database by address, with the drop-in of docs/OPERATING.md' database_by_address
	ok 'the journal has priorities' priorities_arrive
}

case ${1:-} in
install)
	install_by_the_book
	ok 'a token was printed' has_token
	units
	;;
again)
	ok 'a token was kept' has_token
	ok 'the system is up without a failed unit' within 30 is_running
	ok 'both pools, their sockets and the runner are active' all_active
	ok 'the site says that all is well' within 30 is_ready
	ok 'the vendor is up again' use_vendor
	ok 'a token is fetched anew' token_is_fetched_anew
	;;
*)
	sed -n '3,5s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
ok 'no call was refused that a program needs' nothing_was_denied
ok 'no secret is in the journal' no_secret_in_journal
echo "1..$n"
