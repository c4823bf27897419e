#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A throw-away MariaDB for store tests: tests/mariadb.sh start|stop FOLDER; its socket is FOLDER/run/db.sock, its root has no password.
set -eu
case ${1:-}:${2:-} in
start:?* | stop:?*) exec "$(dirname "$0")/../scripts/stack.sh" --dir "$2" "$1" db ;;
*)
	echo "usage: tests/mariadb.sh start|stop FOLDER" >&2
	exit 2
	;;
esac
