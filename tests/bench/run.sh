#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: measures a build on a private MariaDB and nginx against the least that such a stack can do. About three minutes.
#
#   tests/bench/run.sh --build DIR [--rounds N] [--seconds N] [--connections N] [--workers N] [--jobs N] [--samples N]
#                      [--only http,jobs,modes,first-byte,idle,slow] [--json FILE]
#   --build        a build without sanitizers, with the programs of tests/bench made (`make bench` does)
#   --rounds       of each HTTP call and of the jobs, in turns; medians are shown (5)
#   --seconds      one round of one HTTP call (2)
#   --connections  that ask at once (8); --workers of the pool and of the floor (4)
#   --jobs         fetches in one round (3000); --samples of enqueue to first byte (150)
#   --json         also writes everything measured, round by round, to FILE
#
# A missed aim is told; only what is broken (an answer other than 2xx, a failed job) gives an exit status other than 0.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/packages.sh
. "$here/../../scripts/packages.sh"
packages_need "${PACKAGES_RUN[@]}" wrk || exit 1
export BAILEE_CONTRACT=off # answers are held against their document by the tests
exec node "$here/bench.mjs" "$@"
