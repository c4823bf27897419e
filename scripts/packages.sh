#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian 12 packages Bailee needs, and getting them: sourced by ./quickstart and ./check.
# shellcheck disable=SC2034 # the lists are for whoever sources this

# Debian leaves the folders of servers out of an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

PACKAGES_BUILD=(gcc make autoconf automake pkg-config libfcgi-dev libjansson-dev libmariadb-dev
	libcurl4-openssl-dev libssl-dev libinih-dev libpcre2-dev zlib1g-dev libpsl-dev
	libjose-dev libglib2.0-dev libxml2-dev)
PACKAGES_RUN=(mariadb-server nginx curl ca-certificates procps jq nodejs tzdata)
PACKAGES_CHECK=(libcmocka-dev clang clang-format libclang-rt-14-dev shellcheck iproute2
	chromium fonts-dejavu-core npm)

# A package counts as there when what it brings is: a newer node or a gcc from elsewhere will do.
package_present() {
	case $1 in
	nodejs) command -v node ;;
	npm | gcc | make | clang | curl | nginx | shellcheck | jq | chromium | clang-format) command -v "$1" ;;
	mariadb-server) command -v mariadbd && command -v mariadb-install-db ;;
	*) dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed' ;;
	esac >/dev/null 2>&1
}

# packages_need PACKAGE...: installs the missing ones as root; says which they are as anybody else.
packages_need() {
	local package missing=()
	for package; do
		package_present "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		printf 'Missing packages. As root: apt-get install %s\n' "${missing[*]}" >&2
		return 1
	fi
	printf 'installing: %s\n' "${missing[*]}"
	packages_install "${missing[@]}"
}

# Debian starts the servers it installs; for the time of the installation a policy file forbids it.
packages_install() (
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 0755 "$policy"
	fi
	apt-get update -q >/dev/null &&
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >/dev/null
)
