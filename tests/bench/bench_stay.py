#!/usr/bin/env python3
"""How long what is said does not get through when a network changes: for each kind of change the gap
each way, and when the relay and a direct path carry it again; on real netfilter.

    bench_stay.py           prints the table, of 5 runs each; --quick: 2

The stories are those of tests/lab/stay.py, as short as in a check, a few pairs at a time. Needs root and
network namespaces; says so and ends with 0 without. It prints, and judges nothing: what missed a bound of
the tests is marked by the last column.

SPDX-License-Identifier: MIT
"""
import argparse
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import netlab  # noqa: E402  it lies with the lab
import stay  # noqa: E402
import staytable  # noqa: E402

RUNS, RUNS_QUICK = 5, 2


def main():
    parser = argparse.ArgumentParser(description="the gap at each kind of change")
    parser.add_argument("--quick", action="store_true", help="2 runs of each instead of 5")
    options = parser.parse_args()
    reason = stay.why_not()
    if reason:
        print(f"bench_stay skipped: {reason}")
        return 0
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    stories = [story for story in stay.choose([], False) if not story.is_quiet]
    runs = RUNS_QUICK if options.quick else RUNS
    try:
        measured = stay.measure(stories, runs)
    except (stay.PlayError, netlab.LabError) as error:
        print(f"bench_stay: {error}", file=sys.stderr)
        return 1
    print(f"milliseconds, p50 / most of {runs} runs; a message every 20 ms each way, no delay")
    print(staytable.plain(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
