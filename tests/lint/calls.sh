#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Calls this house does without, in code (not in comments and texts).
# shellcheck disable=SC2046 # file names of this tree hold no blanks
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(c_files)
code "${files[@]}"
begin='(^|[^A-Za-z0-9_.>])'

banned() { # NAME-IN-TAP CALLS-SEPARATED-BY-|
	report "$1" "$(search "$begin($2)[[:space:]]*\\(" "${files[@]}")"
}
banned 'no call that cannot know its room' 'strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strncpy|strncat|alloca'
banned 'no call that hides its state or its errors' 'strtok|atoi|atol|atoll|atof|asctime|ctime|localtime|gmtime'
banned 'no shell' 'system|popen|wordexp|execlp|execvp'
banned 'no guessable file name or number' 'mktemp|tmpnam|tempnam|rand|srand|random|srandom|drand48'
report 'no stack allocation by a variable length, no setjmp in the programs' \
	"$(search "$begin(setjmp|longjmp|sigsetjmp|siglongjmp)[[:space:]]*\\(" $(our_sources))"
report 'above base memory comes from base/alloc.h' "$(search "$begin(malloc|calloc|realloc|strdup|strndup|asprintf|vasprintf)[[:space:]]*\\(" \
	$(our_sources | grep -vE '^(src|include)/base/'))"
report 'only base/log.c and the command line write to the standard streams' \
	"$(search "$begin(printf|puts|putchar|perror)[[:space:]]*\\(|$begin(fprintf|fputs|vfprintf)[[:space:]]*\\(.*(stdout|stderr)" \
		$(our_sources | grep -vE '^(src/base/(log|alloc|config|crypt)\.c|src/ctl/.*|src/main_.*)$'))"
report 'no line comments' "$(search '(^|[^:])//' "${files[@]}")"
report_end
