#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# First lines, guards, lengths and format of every C file; licence lines of scripts; shell scripts under shellcheck.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(c_files)

report 'line 1 of a C file is the licence' "$(for file in "${files[@]}"; do
	[ "$(sed -n 1p "$file")" = '/* SPDX-License-Identifier: Apache-2.0 */' ] || echo "$file"
done)"
report 'line 2 of a C file says in one sentence what it is for' "$(for file in "${files[@]}"; do
	sed -n 2p "$file" | grep -qE '^/\* [A-Za-z</].{15,}' || echo "$file: $(sed -n 2p "$file")"
done)"
report 'scripts carry the licence' "$(for file in check quickstart autogen.sh .ci/run scripts/* \
	$(find tests examples web -name node_modules -prune -o \( -name '*.sh' -o -name '*.mjs' -o -name '*.js' \) -print 2>/dev/null); do
	[ ! -f "$file" ] || head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
done)"
report 'header guards are BAILEE_<LAYER>_<FILE>_H' "$(find include -name '*.h' | while read -r file; do
	guard=BAILEE_$(printf '%s' "${file#include/}" | tr 'a-z/.' 'A-Z__')
	grep -qx "#ifndef $guard" "$file" && grep -qx "#define $guard" "$file" || echo "$file: not $guard"
done)"
report 'a file has fewer than 500 lines' "$(our_sources | while read -r file; do
	n=$(wc -l <"$file")
	[ "$n" -lt 500 ] || echo "$file: $n lines"
done)"
# With our format a body starts at a '{' and ends at a '}' in column one.
report 'a function has at most 80 lines' "$(for file in "${files[@]}"; do
	awk -v file="$file" '/^[a-z_][A-Za-z0-9_]*\(/ { name = $0; at = NR } /^\{/ { start = NR }
		/^\}/ { if (start && NR - start - 1 > 80) print file ":" at ": " NR - start - 1 " lines: " name; start = 0 }' "$file"
done)"
if command -v clang-format >/dev/null; then
	report 'clang-format changes nothing' "$(clang-format --dry-run -Werror "${files[@]}" 2>&1 |
		grep -E 'error: ' | awk -F: '!seen[$1]++ { print $1 ":" $2 }')"
fi
if command -v shellcheck >/dev/null; then
	mapfile -t scripts < <(for file in check quickstart autogen.sh .ci/run scripts/*.sh tests/*.sh tests/*/*.sh; do
		[ -f "$file" ] && echo "$file"
	done)
	report 'shellcheck is content' "$(shellcheck -x "${scripts[@]}" 2>&1)"
fi
report 'no conflict marks and no work left open' "$(grep -rnE '^(<<<<<<<|>>>>>>>) |\b(TODO|FIXME|XXX|HACK)\b' \
	src include schema apps web nginx systemd scripts 2>/dev/null)"
report_end
