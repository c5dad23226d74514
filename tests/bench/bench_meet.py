#!/usr/bin/env python3
"""How long it takes until two have heard each other, and until they talk directly: percentiles for each
pair of kinds of NAT, on real netfilter.

    bench_meet.py           prints the table, of 10 runs each; --quick: 3

The pairs are those of tests/lab/matrix.py, two at a time. `of public` is the median until direct, as a
multiple of that of two public hosts in the same run: what the NATs cost. `of limit` is the 95th percentile
as a share of what the tests allow. Needs root and network namespaces; says so and ends with 0 without. It
prints, and judges nothing.

SPDX-License-Identifier: MIT
"""
import argparse
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import kinds  # noqa: E402  it lies with the lab
import labtable  # noqa: E402
import matrix  # noqa: E402
import netlab  # noqa: E402

RUNS, RUNS_QUICK = 10, 3
HEAD = ["pair", "outcome", "message p50", "p95", "direct p50", "p95", "of public", "of limit"]


def row(pair, outcomes, base_ms):
    """A line of the table. base_ms: the median of two public hosts."""
    message, direct = ([getattr(one, name) for one in outcomes] for name in ("message_ms", "direct_ms"))
    middle, most = (labtable.percentile(direct, share) for share in (0.5, 0.95))
    return [f"{pair.nats[0].short} x {pair.nats[1].short}", labtable.counts(outcomes),
            labtable.figure(labtable.percentile(message, 0.5)),
            labtable.figure(labtable.percentile(message, 0.95)),
            labtable.figure(middle), labtable.figure(most),
            f"{middle / base_ms:.1f}" if middle and base_ms else "-",
            f"{most / pair.limit_ms:.3f}" if most else "-"]


def main():
    parser = argparse.ArgumentParser(description="how long pairs of NATs take to meet")
    parser.add_argument("--quick", action="store_true", help=f"{RUNS_QUICK} runs of each, not {RUNS}")
    options = parser.parse_args()
    reason = matrix.why_not()
    if reason:
        print(f"bench_meet skipped: {reason}")
        return 0
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    runs = RUNS_QUICK if options.quick else RUNS
    try:
        measured = matrix.measure(matrix.whole(), runs)
    except (matrix.PlayError, netlab.LabError) as error:
        print(f"bench_meet: {error}", file=sys.stderr)
        return 1
    public = next(outcomes for pair, outcomes in measured
                  if pair.nats == (kinds.PUBLIC, kinds.PUBLIC))
    base_ms = labtable.percentile([one.direct_ms for one in public], 0.5)
    print(f"milliseconds from the instant at which both join; {runs} runs, no delay on the cables")
    print(labtable.align([HEAD] + [row(*one, base_ms) for one in measured]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
