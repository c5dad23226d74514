#!/bin/sh
# Has Spin explore hello.pml: what must hold, and broken variants that must fail.
# SPDX-License-Identifier: MIT
#
# Half a minute of one core, 600 MB at most. 77: spin or a compiler is missing. --deep: more
# renewals, restarts and swaps at once, a few minutes.
set -u

here=$(cd "$(dirname "$0")" && pwd)
compiler=${CC:-cc}
memory=600
seconds=30

for tool in spin "${compiler%% *}"; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

# explore EXPECTED TEXT FLAG...: EXPECTED is ok or wrong.
explore()
{
    expected=$1 text=$2
    shift 2
    # Spin writes a process for each loop; NFAIR makes room for weak fairness among four of them.
    if ! spin "$@" -a "$here/hello.pml" >spin.log 2>&1 ||
        ! $compiler -O1 -w -DNFAIR=3 -DCOLLAPSE -DMEMLIM=$memory -o pan pan.c 2>cc.log; then
        cat spin.log cc.log 2>/dev/null
        echo "not ok: $text: the model does not compile"
        exit 1
    fi
    timeout $seconds ./pan -a -f -m1000000 >pan.log 2>&1
    status=$?
    found=unknown
    grep -q 'errors: 0$' pan.log && found=ok
    grep -q 'errors: 1$' pan.log && found=wrong
    # What did not look at everything has proven nothing.
    if [ $status -ne 0 ] || grep -q 'max search depth too small\|Search not completed' pan.log; then
        [ $found = ok ] && found=unfinished
    fi
    states=$(sed -n 's/^ *\([0-9][0-9e+.]*\) states, stored.*/\1/p' pan.log)
    if [ $found = "$expected" ]; then
        echo "ok: $text: $found, ${states:-?} states"
    else
        echo "not ok: $text: $found where it should be $expected"
        grep -h 'pan:\|error' pan.log
        failed=1
    fi
}

failed=0
explore ok "loss, duplication, a renewal, early data"
explore ok "the same without early data" -DNO_EARLY
explore ok "two renewals" -DREKEYS=2 -DLOSS=1 -DDATAS=1
explore ok "a renewal, datagrams that overtake each other" -DSWAPS=1 -DLOSS=1
explore ok "a new join" -DRESTARTS=1 -DREKEYS=0
explore ok "a side that forgets" -DFORGETS=1 -DREKEYS=0 -DLOSS=1
explore wrong "without CONFIRMED" -DBUG_NOCONF -DDATAS=0
explore wrong "without the timer until CONFIRMED" -DBUG_NOTIMER -DDATAS=0
explore wrong "with the first index for ever" -DBUG_NOINDEX -DFORGETS=1 -DREKEYS=0
explore wrong "sending before the echo after a renewal" -DBUG_NOWAIT -DREKEYS=2
if [ "${1:-}" = --deep ]; then
    memory=12000 seconds=1200
    explore ok "a new join and a renewal" -DRESTARTS=1
    explore ok "a renewal, and a side that forgets" -DFORGETS=1
    explore ok "a new join, a side that forgets" -DRESTARTS=1 -DFORGETS=1 -DREKEYS=0
    explore ok "two renewals, two swaps" -DREKEYS=2 -DSWAPS=2
    explore ok "more loss and data" -DLOSS=3 -DDUPS=2 -DDATAS=3
fi
exit $failed
