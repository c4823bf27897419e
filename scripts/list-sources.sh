#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints sources.am: which files make which library, program, test and installed folder. A file is in by being in its place.
# shellcheck disable=SC2016,SC2046 # make's variables stay as they are; file names of this tree hold no blanks
set -eu
cd "$(dirname "$0")/.."
LC_ALL=C
export LC_ALL

# list VARIABLE FILE...: one make variable; names that do not exist (an unmatched pattern) are left out.
list() {
	variable=$1
	shift
	printf '%s =' "$variable"
	for file; do
		if [ -f "$file" ]; then
			printf ' \\\n\t%s' "$file"
		fi
	done
	printf '\n\n'
}

# names PATTERN-FILES...: the existing ones without .c
names() {
	for file; do
		if [ -f "$file" ]; then
			printf '%s\n' "${file%.c}"
		fi
	done
}

# program NAME SOURCES LDADD CPPFLAGS: the three variables of one program.
program() {
	variable=$(printf '%s' "$1" | tr -c 'a-zA-Z0-9' '_')
	printf '%s_SOURCES = %s\n%s_LDADD = %s\n' "$variable" "$2" "$variable" "$3"
	if [ -n "${4:-}" ]; then
		printf '%s_CPPFLAGS = $(AM_CPPFLAGS) %s\n' "$variable" "$4"
	fi
}

echo '# Made by scripts/list-sources.sh; not edited by hand.'
for layer in base db vault store web api page catalog formula agent net oauth platform runner ctl; do
	list "$(printf '%s' "$layer" | tr '[:lower:]' '[:upper:]')_SOURCES" src/"$layer"/*.[ch] include/"$layer"/*.h
done

bin='' sbin=''
if [ -f src/main_ctl.c ]; then
	bin=' baileectl'
	program baileectl src/main_ctl.c '$(CTL_LAYERS)'
fi
if [ -f src/main_fcgi.c ]; then
	sbin=' bailee-fcgi'
	program bailee-fcgi src/main_fcgi.c '$(FCGI_LAYERS)'
fi
if [ -f src/main_runner.c ]; then
	sbin="$sbin bailee-runner"
	program bailee-runner src/main_runner.c '$(RUNNER_LAYERS)'
fi
printf 'bin_PROGRAMS =%s\nsbin_PROGRAMS =%s\n\n' "$bin" "$sbin"

for kind in unit store; do
	tests=$(names tests/$kind/test_*.c)
	printf '%s_programs =' "$kind"
	for test in $tests; do printf ' \\\n\t%s' "$test"; done
	printf '\n\n'
	for test in $tests; do program "$test" "$test.c" '$(TEST_LAYERS)' '$(CMOCKA_CFLAGS)'; done
	echo
done

# the benchmark's own programs know nothing of Bailee, but the one that measures formulas
programs=$(names tests/bench/*.c)
printf 'bench_programs ='
for program in $programs; do printf ' \\\n\t%s' "$program"; done
printf '\n\n'
for program in $programs; do
	case $program in
	*/formula_cost) program "$program" "$program.c" 'libformula.a libbase.a $(SHARED_LIBS)' ;;
	*) program "$program" "$program.c" '$(SHARED_LIBS)' ;;
	esac
done
echo

fuzz=$(names tests/fuzz/fuzz_*.c)
printf 'fuzz_programs ='
for test in $fuzz; do printf ' \\\n\t%s' "$test"; done
printf '\n\nreplay_programs ='
for test in $fuzz; do printf ' \\\n\t%s' "tests/fuzz/replay_${test#tests/fuzz/fuzz_}"; done
printf '\n\n'
for test in $fuzz; do
	program "$test" "$test.c" '$(TEST_LAYERS)'
	variable=$(printf '%s' "$test" | tr -c 'a-zA-Z0-9' '_')
	printf '%s_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer\n' "$variable"
	program "tests/fuzz/replay_${test#tests/fuzz/fuzz_}" "$test.c tests/fuzz/replay.c" '$(TEST_LAYERS)' -DFUZZ_REPLAY
done
echo

# installed as they lie, below $(pkgdatadir)
list nobase_dist_pkgdata_DATA $(find apps schema web nginx examples docs/openapi -type f 2>/dev/null | sort)
list dist_man_MANS docs/man/*.1 docs/man/*.5 docs/man/*.8
list dist_doc_DATA README.md NEWS.md SECURITY.md CONTRIBUTING.md LICENSE docs/*.md docs/*.json docs/*.sample
list unit_templates systemd/*.in
list systemd_files systemd/*.socket systemd/*.target
list sysusers_files systemd/sysusers.d/*.conf
# shipped for `make distcheck`, not installed
list extra_files autogen.sh sources.am check quickstart .clang-format .clang-tidy .ci/run scripts/* docs/screenshots/* \
	$(find tests -name node_modules -prune -o -type f ! -name 'test_*.c' ! -name 'fuzz_*.c' ! -path tests/fuzz/replay.c ! -path 'tests/bench/*.c' -print | sort)
