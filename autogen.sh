#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure: lists the sources into sources.am, then runs autoreconf. Run it after adding or removing a file.
set -eu
cd "$(dirname "$0")"
scripts/list-sources.sh >sources.am.new
if cmp -s sources.am.new sources.am; then
	rm sources.am.new
else
	mv sources.am.new sources.am
fi
# autoreconf itself is quick to say what is wrong, and slow to do nothing.
for made in configure Makefile.in aclocal.m4; do
	for from in configure.ac Makefile.am sources.am m4/*.m4; do
		if [ ! -e "$made" ] || [ -n "$(find "$from" -newer "$made")" ]; then
			exec autoreconf -fi
		fi
	done
done
