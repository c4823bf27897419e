#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone: it includes what it needs.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

libraries=$(pkg-config --cflags jansson libmariadb libcurl openssl inih libpcre2-8 zlib libpsl jose)
alone() {
	# shellcheck disable=SC2086 # several options
	printf '#include "%s"\n' "${1#include/}" | "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Iinclude $libraries \
		-Wall -Wextra -Werror -fsyntax-only -x c - 2>&1
}
while read -r header; do
	report "${header#include/}" "$(alone "$header")"
done < <(find include -name '*.h' | sort)
report_end
