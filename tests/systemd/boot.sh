#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a fresh Debian 12 with systemd, installs Bailee there by the blocks of docs/OPERATING.md, holds the units to what they
# promise (inside.sh), boots it again. Prints TAP; a few minutes, 1.5 GB, and Debian's mirror.
#
#   tests/systemd/boot.sh [FOLDER]     as root; needs systemd-container and debootstrap
#
# FOLDER is kept when given, with logs and with the packages, so that the next run is quicker.
#
# The machine itself need not run systemd. The system gets a network of its own (loopback), and a control group of its own.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
GROUP=bailee-boot-$$
for program in systemd-nspawn debootstrap; do
	command -v "$program" >/dev/null || { echo "1..0 # SKIP $program is missing"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP only root can boot a system'; exit 0; }

# Where control groups are: version 2, alone or beside the older one, in which systemd's own hierarchy is left alone as well.
groups=/sys/fs/cgroup
[ -e $groups/cgroup.procs ] || groups=/sys/fs/cgroup/unified
[ -e $groups/cgroup.procs ] || { echo '1..0 # SKIP no control groups of version 2'; exit 0; }
hierarchies=("$groups")
[ ! -e /sys/fs/cgroup/systemd/cgroup.procs ] || hierarchies+=(/sys/fs/cgroup/systemd)

keep=${1:+yes} boot=''
folder=${1:-$(mktemp -d /var/tmp/bailee-boot-XXXXXX)}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
base=$folder/base root=$folder/root

first_process() { head -n 1 "$groups/$GROUP/payload/init.scope/cgroup.procs" 2>/dev/null; }
inside() { # COMMAND...: in the booted system
	nsenter -t "$(first_process)" -m -u -i -n -p -C env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 "$@"
}
is_up() { [[ "$(inside systemctl is-system-running 2>/dev/null)" =~ ^(running|degraded)$ ]]; }

# mlock2 and what IPAddressDeny= needs are not allowed in a container unless asked for; on a machine they are.
start() {
	(
		for hierarchy in "${hierarchies[@]}"; do
			mkdir -p "$hierarchy/$GROUP"
			echo "$BASHPID" >"$hierarchy/$GROUP/cgroup.procs"
		done
		SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn -q -D "$root" -M "$GROUP" --register=no --keep-unit \
			--console=pipe --private-network --system-call-filter='@memlock bpf' \
			--capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON -b
	) </dev/null >"$folder/boot.log" 2>&1 &
	boot=$!
	local end=$((SECONDS + 120))
	until is_up; do
		((SECONDS < end)) || { tail -n 20 "$folder/boot.log" >&2; echo 'the system does not come up' >&2; exit 1; }
		sleep 0.5
	done
}

stop() {
	[ -n "$boot" ] || return 0
	inside systemctl poweroff >/dev/null 2>&1 || kill -TERM "$boot" 2>/dev/null || true
	wait "$boot" || true
	boot=''
}

clean() {
	stop
	for hierarchy in "${hierarchies[@]}"; do
		find "$hierarchy/$GROUP" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	done
	[ -n "$keep" ] || rm -rf --one-file-system "$folder"
}
trap clean EXIT

# The packages of the README, and Node.js for the demo vendor.
make_system() {
	rm -rf --one-file-system "$base"
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps bookworm "$base" >"$folder/debootstrap.log" 2>&1 &&
		cp /etc/resolv.conf "$base/etc/resolv.conf" &&
		printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d" && chmod 0755 "$base/usr/sbin/policy-rc.d" &&
		DEBIAN_FRONTEND=noninteractive chroot "$base" apt-get install -q -y --no-install-recommends \
			"${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" libc6-dev >>"$folder/debootstrap.log" 2>&1 &&
		rm "$base/usr/sbin/policy-rc.d"
}

if [ ! -e "$folder/base.made" ]; then
	make_system || { tail -n 20 "$folder/debootstrap.log" >&2; exit 1; }
	touch "$folder/base.made"
fi
rm -rf --one-file-system "$root"
cp -a "$base" "$root"
mkdir -p "$root/usr/src/bailee"
tar -c --exclude=./build --exclude='./build-check*' --exclude=./var --exclude=node_modules . | tar -x -C "$root/usr/src/bailee"
start
inside /usr/src/bailee/tests/systemd/inside.sh install | tee "$folder/install.tap"
stop
start
echo '# booted again'
inside /usr/src/bailee/tests/systemd/inside.sh again | tee "$folder/again.tap"
stop
! grep -h '^not ok' "$folder"/*.tap
