# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the lint tests share: TAP output and the list of our C files. Sourced by each tests/lint/*.sh.
set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$TOP" || exit 2
export LC_ALL=C

tap_n=0
tap_failed=0

# report NAME FINDINGS: one TAP line; ok when FINDINGS is empty.
report() {
	tap_n=$((tap_n + 1))
	if [ -z "$2" ]; then
		echo "ok $tap_n - $1"
	else
		tap_failed=1
		echo "not ok $tap_n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

report_end() {
	echo "1..$tap_n"
	exit $tap_failed
}

c_files() { find src include tests -name node_modules -prune -o -name '*.[ch]' -print | sort; }
our_sources() { find src include -name '*.[ch]' | sort; }

# code FILES...: copies of the files in a folder of their own, comments and string contents blanked, line numbers kept: for
# looking at code only.
code() {
	code=$(mktemp -d) || exit 2
	trap 'rm -rf "$code"' EXIT
	printf '%s\n' "$@" | sed 's|/[^/]*$||' | sort -u | (cd "$code" && xargs mkdir -p)
	awk -v to="$code/" '
	FNR == 1 { if (file) close(file); file = to FILENAME; comment = 0 }
	{
		line = $0; out = ""; n = length(line)
		for (i = 1; i <= n; i++) {
			two = substr(line, i, 2); c = substr(line, i, 1)
			if (comment) { if (two == "*/") { comment = 0; i++ } continue }
			if (quote != "") {
				if (c == "\\") { i++; continue }
				if (c == quote) { quote = ""; out = out c }
				continue
			}
			if (two == "/*") { comment = 1; i++; continue }
			if (c == "\"" || c == "\047") quote = c
			out = out c
		}
		quote = ""
		print out >file
	}' "$@"
}

# search PATTERN FILES...: "file:line:text" of code (no comments, no strings) that matches the extended expression; after code.
search() {
	local pattern=$1
	shift
	(cd "$code" && grep -nE -e "$pattern" -- "$@" /dev/null)
}
