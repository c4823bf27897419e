#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which layer may include which (docs/ARCHITECTURE.md), and the libraries that only one place may touch.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# Each layer with everything it may include besides itself.
declare -A may=(
	[base]=''
	[db]='base'
	[vault]='base'
	[store]='base db vault'
	[catalog]='base formula'
	[formula]='base'
	[net]='base'
	[agent]='base formula net'
	[web]='base db vault store'
	[api]='base db vault store web catalog formula net agent'
	[page]='base db vault store web catalog oauth'
	[oauth]='base net catalog'
	[platform]='base db vault store net catalog'
	[runner]='base db vault store net catalog formula agent oauth platform'
	[ctl]='base db vault store catalog formula'
	[main_fcgi]='base db vault store web api page catalog'
	[main_runner]='base db vault store net catalog formula agent oauth platform runner'
	[main_ctl]='base db vault store catalog formula ctl'
)

layer_of() {
	local path=${1#src/}
	path=${path#include/}
	path=${path%%/*}
	echo "${path%.c}"
}

includes() { # FILE: "line layer/file.h" of each include written with quotes
	grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" | sed -E 's/^([0-9]+):[^"]*"([^"]*)".*/\1 \2/'
}

bad='' unknown='' form=''
while read -r file; do
	layer=$(layer_of "$file")
	if [ -z "${may[$layer]+known}" ]; then
		unknown+="$file: layer \"$layer\" is not in tests/lint/layers.sh"$'\n'
		continue
	fi
	while read -r line header; do
		if [[ $header != */* ]]; then
			[ -f "$(dirname "$file")/$header" ] || form+="$file:$line: \"$header\" is not written as \"layer/file.h\""$'\n'
			continue
		fi
		target=${header%%/*}
		[ "$target" = "$layer" ] && continue
		[[ " ${may[$layer]} " = *" $target "* ]] || bad+="$file:$line: $layer may not include $header"$'\n'
	done < <(includes "$file")
done < <(our_sources)
report 'every folder below src and include is a known layer' "$unknown"
report 'a file includes only its own layer or those behind it' "$bad"
report 'includes of our own are written "layer/file.h"' "$form"

# one_place LIBRARY HEADER-PATTERN PLACE-PATTERN PLACE
one_place() {
	report "only $4 includes $1" "$(our_sources | grep -vE "$3" |
		xargs -r grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" /dev/null)"
}
one_place 'libfcgi' 'fcgi(app|os)?[a-z_]*\.h' '^src/web/fcgi\.c$' src/web/fcgi.c
one_place 'the MariaDB client' '(mysql/|mariadb/)?(mysql|errmsg|mysqld_error)[a-z_]*\.h' '^(src|include)/db/' db
one_place 'libcurl' 'curl/' '^(src|include)/net/' net
# base/pem*.c reads the certificates and keys that people hand over: vault is for our own keys, and catalog may not use vault.
one_place 'OpenSSL' 'openssl/' '^((src|include)/vault/|src/base/(crypt|secret|pem|pem_container|jwt)\.c$)' 'vault and base/{crypt,secret,pem,pem_container,jwt}.c'
one_place 'GLib' 'glib' '^src/formula/functions_time\.c$' src/formula/functions_time.c
one_place 'libxml2' 'libxml/' '^src/formula/functions_(xml|encode)\.c$' 'src/formula/functions_{xml,encode}.c'
one_place 'PCRE2' 'pcre2' '^src/(formula/functions_regex|catalog/form)\.c$' 'src/formula/functions_regex.c and src/catalog/form.c'
one_place 'libjose' 'jose/' '^src/base/jwt\.c$' src/base/jwt.c

# What the api pool takes of net are rules about hosts; calling out is the runner's alone.
report 'only the runner and its kinds call out' "$(our_sources | grep -E '^(src|include)/(api|page|web|store|ctl)/' |
	xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include "(net/http_(client|transfer)|oauth/(exchange|revoke))' /dev/null)"

# SQL is recognised by its verbs in capitals at the start of a string.
report 'only src/store holds SQL text' "$(our_sources | grep -vE '^(src|include)/(store|db)/' |
	xargs -r grep -nE '"(SELECT [^"]|INSERT INTO |UPDATE [a-z_`]+ SET|DELETE FROM |REPLACE INTO |CALL [a-z_]+\()' /dev/null)"
report 'src/db holds only statements about the session' "$(our_sources | grep -E '^(src|include)/db/' |
	xargs -r grep -nE '"(INSERT INTO |UPDATE [a-z_`]+ SET|DELETE FROM |REPLACE INTO |SELECT .* FROM )' /dev/null)"

# A status of ours is a three-digit number on a line that speaks of a status; base/error.c has the table.
mapfile -t files < <(our_sources | grep -E '^(src|include)/(web|api|page|store)/')
code "${files[@]}"
found=$(search '(status|Status|STATUS).*[^0-9A-Za-z_.](200|201|202|204|30[0-9]|4[0-3][0-9]|50[0-9])([^0-9A-Za-z_]|$)' "${files[@]}")
report 'HTTP status numbers of our answers are only in src/base/error.c' "$found"
report_end
