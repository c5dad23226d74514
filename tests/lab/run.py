#!/usr/bin/env python3
"""The lab: players behind real netfilter NATs meet through trystd, case by case. How they stay
connected is told by stay.py; --record writes the tables of both.

SPDX-License-Identifier: MIT

Needs root, ip, nft, conntrack and the right to make network namespaces; ends with 77 and one line
without them. TRYST_BUILD says where trystd and tryst were built (./build by default).
"""

import argparse
import os
import platform
import signal
import sys

import labtable
import meeting
import netlab
import stay
import staytable
from cases import CASES, CONNECTED, MEASURED, RELAYED
from players import PlayError, Server, find_program, folder

SKIP = 77
RUNS_IN_CHECK = 3
RUNS_FOR_THE_RECORD = 20
STAYS_FOR_THE_RECORD = 5   # of each story of stay.py
SILENT_IN_CHECK = 1        # runs of one case that end without a connection: each takes long,
SILENT_FOR_THE_RECORD = 3  # and more of the same teach nothing


def why_not():
    """Why the lab cannot run here, or None."""
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        return "TRYST_SKIP_LAB=1"
    return netlab.why_not()


def run_case(case, runs, silent, number):
    """At most `runs` runs of one case on one topology, and `silent` of them without a connection.
    Returns the outcomes."""
    outcomes = []
    with meeting.topology(case) as lab, folder() as place:
        with Server(lab.server, [netlab.SERVER4, netlab.SERVER6], place) as server:
            for again in range(runs):
                outcomes.append(meeting.hold(case, lab, server, place, number * 1000 + again))
                if sum(outcome.outcome not in (CONNECTED, RELAYED)
                       for outcome in outcomes) >= silent:
                    break
    return outcomes


def tell(case, outcomes):
    """Prints the case's line. Returns whether it passed."""
    wrong = [(n, words) for n, outcome in enumerate(outcomes, 1) for words in outcome.wrong]
    middle = labtable.percentile([outcome.message_ms for outcome in outcomes], 0.5)
    kinds = ",".join(sorted({str(k) for outcome in outcomes for k in outcome.kinds}))
    told = outcomes[-1].outcome if not kinds or case.outcome == MEASURED else kinds
    if case.outcome == MEASURED and kinds:
        told += f" ({kinds})"
    direct = labtable.percentile([outcome.direct_ms for outcome in outcomes], 0.5)
    if direct is not None:
        told += f", direct after {labtable.figure(direct)}"
    verdict = "not ok" if wrong else "data" if case.outcome == MEASURED else "ok"
    print(f"{verdict} {labtable.figure(middle)} ms {told}  {case.name} ({len(outcomes)} runs)",
          flush=True)
    for number, words in wrong:
        print(f"    run {number}: {words}", flush=True)
    return not wrong


def arguments():
    parser = argparse.ArgumentParser(description="players behind real NATs meet through trystd")
    parser.add_argument("--case", metavar="NAME", action="append",
                        help="only this case, or those whose name holds this; repeatable")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each case")
    parser.add_argument("--record", action="store_true",
                        help="measure all, also how pairs stay connected, and write the tables "
                             "into docs/NETFILTER.md")
    options = parser.parse_args()
    if options.record and options.case:
        parser.error("--record measures every case: leave --case out")
    return options


def record(meetings):
    """Writes the table of the meetings, and that of the stories of staying connected, which it
    measures: a run that missed a bound is told there, in its last column. Returns how many
    stories missed one."""
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    page = os.path.join(top, "docs", "NETFILTER.md")
    machine = (platform.release().partition("-")[0],
               netlab.command(["nft", "--version"]).split("(")[0].strip())
    labtable.write(page, labtable.table(meetings, *machine))
    measured = stay.measure(stay.choose([], True), STAYS_FOR_THE_RECORD, True, told=stay.tell)
    stay.compare(measured)
    labtable.write(page, staytable.markdown(measured, *machine), staytable.BEGIN, staytable.END)
    missed = sum(any(one.wrong for one in found) for _, found in measured)
    print(f"{len(measured) - missed} stories passed, {missed} failed")
    return missed


def main():
    options = arguments()
    names = [case.name for case in CASES]
    chosen = [case for case in CASES if not options.case or any(
        part == case.name if part in names else part in case.name for part in options.case)]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    if not chosen:
        print("no case has that name; --list names them", file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        print(f"lab skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    runs = options.runs or (RUNS_FOR_THE_RECORD if options.record else RUNS_IN_CHECK)
    silent = SILENT_FOR_THE_RECORD if options.record else SILENT_IN_CHECK
    measured, passed, failed = [], 0, 0
    try:
        find_program("trystd")
        find_program("tryst")
        if options.record:
            find_program("tests/lab/chatter")
        for number, case in enumerate(chosen, 1):
            outcomes = run_case(case, runs, silent, number)
            measured.append((case, outcomes))
            if tell(case, outcomes):
                passed += 1
            else:
                failed += 1
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        failed += 1
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    print(f"{passed} passed, {failed} failed")
    if options.record and failed:
        print("not recorded: a table is written only when all pass")
    elif options.record:
        failed = record(measured)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
