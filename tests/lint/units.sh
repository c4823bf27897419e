#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# systemd's units: what systemd-analyze says of them, one sandbox for all, and blocks of docs/OPERATING.md that a shell can read.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/sbin"
for program in bailee-fcgi bailee-runner; do
	printf '#!/bin/sh\n' >"$work/sbin/$program" && chmod 0755 "$work/sbin/$program"
done
for unit in systemd/*.service.in systemd/*.socket systemd/*.target; do
	name=${unit##*/}
	sed -e "s|@sbindir@|$work/sbin|; s|@sysconfdir@|/etc|" "$unit" >"$work/${name%.in}"
done

if command -v systemd-analyze >/dev/null; then
	# users are made by sysusers.d; a unit that waits for another host's is no fault
	report 'systemd-analyze finds no fault in a unit' "$(SYSTEMD_UNIT_PATH=$work: systemd-analyze verify --man=no \
		"$work"/*.service "$work"/*.socket "$work"/*.target 2>&1 | grep -F bailee)"
fi
# Calls out, and has a place for its bell: all else that the runner may is what the pools may.
sandbox() { sed -n '/^# Sandbox/,/^LimitMEMLOCK/p' "$1"; }
report 'every unit has the same sandbox' "$(for unit in systemd/*.service.in; do
	diff <(sandbox systemd/bailee-api.service.in) <(sandbox "$unit") >/dev/null || echo "$unit"
done)"
report 'every unit is part of bailee.target' "$(for unit in systemd/*.service.in systemd/*.socket; do
	name=${unit##*/}
	grep -qx 'PartOf=bailee.target' "$unit" && grep -qw "${name%.in}" systemd/bailee.target || echo "$unit"
done)"
report 'every unit has its user in sysusers.d' "$(sed -n 's/^\(User\|SupplementaryGroups\)=//p' systemd/*.in | while read -r user; do
	grep -q "^u $user " systemd/sysusers.d/bailee.conf || echo "$user"
done)"
# Blocks are run one by one by tests/systemd/boot.sh.
report 'the shell blocks of docs/OPERATING.md can be read' "$(awk '/^ *```sh$/ { inside = 1; next } /^ *```$/ { inside = 0 } inside { sub(/^   /, ""); print }' \
	docs/OPERATING.md >"$work/blocks"; [ -s "$work/blocks" ] || echo none; bash -n "$work/blocks" 2>&1)"
report_end
