#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A private Galera cluster of three nodes on loopback, each with a folder of its own.
#
#   tests/galera/cluster.sh FOLDER up PORT      makes and starts it; uses PORT to PORT + 8
#   tests/galera/cluster.sh FOLDER start N | stop N | kill N [SIGNAL] | pid N
#   tests/galera/cluster.sh FOLDER down
#
# Node N is FOLDER/nN: its socket db.sock, its log node.log; root has no password. Needs galera-4 and rsync.
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
PROVIDER=/usr/lib/galera/libgalera_smm.so
NODES=(1 2 3)

folder=${1:?folder} command=${2:?command}
shift 2
mkdir -p "$folder"
chmod 0700 "$folder"
folder=$(cd "$folder" && pwd)
# Root's nodes become "mysql": rsync, as a server that root starts, would enter no private folder.
user=()
if [ "$(id -u)" = 0 ]; then
	user=(--user=mysql)
	chown mysql "$folder"
fi

fail() { echo "cluster.sh: $*" >&2; exit 1; }
for need in mariadbd mariadb-install-db rsync; do command -v "$need" >/dev/null || fail "$need is missing"; done
[ -e $PROVIDER ] || fail "$PROVIDER is missing (package galera-4)"

own_folder() { # NODE
	mkdir -p "$folder/n$1/tmp"
	[ ${#user[@]} -eq 0 ] || chown mysql "$folder/n$1" "$folder/n$1/tmp"
}
sql() { # NODE STATEMENT
	mariadb --no-defaults --connect-timeout=5 --socket="$folder/n$1/db.sock" -uroot -N -B -e "$2"
}
node_pid() { # NODE: the process that holds its folder, when it lives
	local pid
	pid=$(cat "$folder/n$1/node.pid" 2>/dev/null) && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$folder/n$1/data" ] && echo "$pid"
}
is_synced() { [ "$(sql "$1" "SHOW STATUS LIKE 'wsrep_local_state_comment'" 2>/dev/null)" = "wsrep_local_state_comment	Synced" ]; }

# Group traffic, incremental and whole transfers each have a port.
start_node() { # NODE [OPTION...]
	local n=$1 port others end=$((SECONDS + 120))
	read -r port <"$folder/port"
	shift
	others=127.0.0.1:$((port)),127.0.0.1:$((port + 3)),127.0.0.1:$((port + 6))
	local own=$((port + (n - 1) * 3))
	own_folder "$n"
	setsid mariadbd --no-defaults "${user[@]}" --datadir="$folder/n$n/data" --socket="$folder/n$n/db.sock" \
		--pid-file="$folder/n$n/mariadbd.pid" --tmpdir="$folder/n$n/tmp" --skip-networking --skip-name-resolve \
		--innodb-buffer-pool-size=64M --innodb-log-file-size=32M --character-set-server=utf8mb4 \
		--sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION --performance-schema=OFF --max-connections=300 \
		--binlog-format=ROW --default-storage-engine=InnoDB --innodb-autoinc-lock-mode=2 --innodb-flush-log-at-trx-commit=1 \
		--wsrep-on=ON --wsrep-provider=$PROVIDER --wsrep-cluster-name="bailee-$port" --wsrep-cluster-address="gcomm://$others" \
		--wsrep-node-name="n$n" --wsrep-node-address=127.0.0.1 --wsrep-sst-method=rsync \
		--wsrep-sst-receive-address="127.0.0.1:$((own + 2))" --wsrep-slave-threads=2 \
		--wsrep-provider-options="gcache.size=64M;gmcast.listen_addr=tcp://127.0.0.1:$own;ist.recv_addr=127.0.0.1:$((own + 1))" \
		"$@" >>"$folder/n$n/node.log" 2>&1 </dev/null &
	echo $! >"$folder/n$n/node.pid"
	until is_synced "$n"; do
		[ -e "/proc/$(cat "$folder/n$n/node.pid")" ] || { tail -n 20 "$folder/n$n/node.log" >&2; fail "node $n ended at its start"; }
		((SECONDS < end)) || { tail -n 20 "$folder/n$n/node.log" >&2; fail "node $n does not join"; }
		sleep 0.2
	done
}
stop_node() {
	local pid end=$((SECONDS + 40))
	pid=$(node_pid "$1") || return 0
	kill -CONT "$pid"
	kill -TERM "$pid"
	while node_pid "$1" >/dev/null; do
		((SECONDS < end)) || kill -KILL "$pid"
		sleep 0.1
	done
}

case $command in
up)
	echo "${1:?port}" >"$folder/port"
	for n in "${NODES[@]}"; do
		own_folder "$n"
		mariadb-install-db --no-defaults "${user[@]}" --datadir="$folder/n$n/data" --tmpdir="$folder/n$n/tmp" --skip-test-db \
			--auth-root-authentication-method=normal >"$folder/n$n/install.log" 2>&1 || fail "see $folder/n$n/install.log"
	done
	start_node 1 --wsrep-new-cluster
	start_node 2
	start_node 3
	;;
start) start_node "$1" ;;
bootstrap) # the node that knows most goes first when all were down
	sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$folder/n$1/data/grastate.dat"
	start_node "$1" --wsrep-new-cluster
	;;
stop) stop_node "$1" ;;
kill)
	pid=$(node_pid "$1") || fail "node $1 does not run"
	kill -"${2:-KILL}" "$pid"
	;;
pid) node_pid "$1" ;;
down) for n in "${NODES[@]}"; do stop_node "$n"; done ;;
*) fail "no such command: $command" ;;
esac
