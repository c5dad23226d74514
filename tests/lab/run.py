#!/usr/bin/env python3
"""The lab: players behind real netfilter NATs meet through trystd, case by case. How each kind of NAT
meets each other is told by matrix.py, the hardest of those pairs by hard.py, how players stay connected
by stay.py; --record writes the tables of all of them.

SPDX-License-Identifier: MIT

Needs root, ip, nft, conntrack and the right to make network namespaces; ends with 77 and one line
without them. TRYST_BUILD says where trystd and tryst were built (./build by default).
"""

import argparse
import os
import platform
import signal
import sys

import hard
import hardtable
import labtable
import matrix
import matrixtable
import meeting
import netlab
import stay
import staytable
from cases import CASES, CONNECTED, RELAYED
from players import PlayError, Server, find_program, folder

SKIP = 77
RUNS_IN_CHECK = 3
RUNS_FOR_THE_RECORD = 20   # of each case, and of each pair of the matrix
STAYS_FOR_THE_RECORD = 5   # of each story of stay.py
SILENT_IN_CHECK = 1        # runs of one case that end without a connection: each takes long,
SILENT_FOR_THE_RECORD = 3  # and more of the same teach nothing
PARTS = ("cases", "matrix", "hard", "stay")  # of the record
PROGRAMS = ("trystd", "tryst")
PROGRAMS_OF_THE_RECORD = ("tests/lab/chatter", "tests/lab/seqnat")


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
        with Server(lab.server, [netlab.SERVER4, netlab.SERVER6], place,
                    extra=case.server_extra) as server:
            for again in range(runs):
                outcomes.append(meeting.hold(case, lab, server, place, number * 1000 + again))
                if sum(outcome.outcome not in (CONNECTED, RELAYED)
                       for outcome in outcomes) >= silent:
                    break
    return outcomes


def tell(case, outcomes):
    """Prints the case's line. Returns whether it passed."""
    wrong = meeting.faults(case, outcomes)
    middle = labtable.percentile([outcome.message_ms for outcome in outcomes], 0.5)
    kinds = ",".join(sorted({str(k) for outcome in outcomes for k in outcome.kinds}))
    told = kinds or outcomes[-1].outcome
    direct = labtable.percentile([outcome.direct_ms for outcome in outcomes], 0.5)
    if direct is not None:
        told += f", direct after {labtable.figure(direct)}"
    print(f"{'not ok' if wrong else 'ok'} {labtable.figure(middle)} ms {told}  {case.name} ({len(outcomes)} runs)",
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
    parser.add_argument("--matrix", action="store_true",
                        help="how each kind of NAT meets each other, and nothing else")
    parser.add_argument("--record", metavar="PART", nargs="*", choices=PARTS,
                        help="measure, and write the tables into docs/NETFILTER.md: all, or these "
                             "parts: " + ", ".join(PARTS) + " (10, 13, 25 and 20 minutes)")
    options = parser.parse_args()
    if options.case and (options.matrix or options.record is not None):
        parser.error("--record and --matrix measure every case: leave --case out")
    return options


def page_and_machine():
    """The document, and what it was measured on."""
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    return (os.path.join(top, "docs", "NETFILTER.md"), platform.release().partition("-")[0],
            netlab.command(["nft", "--version"]).split("(")[0].strip())


def write(text, begin, end):
    """Puts a table into the document: whatever came of it, for a miss is to be seen there."""
    labtable.write(page_and_machine()[0], text, begin, end)


def run_cases(chosen, runs, is_recorded):
    """Returns how many cases did not come to what is expected."""
    silent = SILENT_FOR_THE_RECORD if is_recorded else SILENT_IN_CHECK
    measured, failed = [], 0
    for number, case in enumerate(chosen, 1):
        outcomes = run_case(case, runs, silent, number)
        measured.append((case, outcomes))
        meeting.compare(case, outcomes, measured)
        failed += not tell(case, outcomes)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    if is_recorded:
        write(labtable.table(measured, *page_and_machine()[1:]), labtable.BEGIN, labtable.END)
    return failed


def run_matrix(runs, is_recorded):
    """The same of the pairs of kinds."""
    pairs = matrix.whole()
    tell_pair = matrix.Teller(len(pairs))
    measured = matrix.measure(pairs, runs, SILENT_FOR_THE_RECORD, tell_pair)
    text = matrixtable.markdown(measured, *page_and_machine()[1:])
    if is_recorded:
        write(text, matrixtable.BEGIN, matrixtable.END)
    else:
        print(text)
    print(f"{len(pairs) - tell_pair.failed} pairs passed, {tell_pair.failed} failed")
    return tell_pair.failed


def record_hard(tries):
    """The same of the pairs behind hard NATs; tries: None for as many as their promises are of."""
    with hard.stage() as stage:
        measured = stage.run(hard.STORIES, lambda story: tries or story.full)
    write(hardtable.markdown(measured, *page_and_machine()[1:]), hardtable.BEGIN, hardtable.END)
    return sum(not hard.tell(story, tries, 0) for story, tries in measured)


def record_stays():
    """The same of the stories of staying connected, those that missed a bound."""
    measured = stay.measure(stay.choose([], True), STAYS_FOR_THE_RECORD, True, told=stay.tell)
    stay.compare(measured)
    write(staytable.markdown(measured, *page_and_machine()[1:]), staytable.BEGIN, staytable.END)
    missed = sum(any(one.wrong for one in found) for _, found in measured)
    print(f"{len(measured) - missed} stories passed, {missed} failed")
    return missed


def record(parts, chosen, tries):
    """Measures these parts and writes their tables. tries: of each, or None for the usual number.
    Returns how much failed."""
    runs = tries or RUNS_FOR_THE_RECORD
    for name in PROGRAMS_OF_THE_RECORD:
        find_program(name)
    failed = 0
    for part in parts:
        print(f"== {part}", flush=True)
        if part == "cases":
            failed += run_cases(chosen, runs, True)
        elif part == "matrix":
            failed += run_matrix(runs, True)
        elif part == "hard":
            failed += record_hard(tries)
        else:
            failed += record_stays()
    return failed


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
    try:
        for name in PROGRAMS:
            find_program(name)
        if options.record is not None:
            failed = record(options.record or PARTS, chosen, options.runs)
        elif options.matrix:
            failed = run_matrix(options.runs or RUNS_IN_CHECK, False)
        else:
            failed = run_cases(chosen, options.runs or RUNS_IN_CHECK, False)
        return 1 if failed else 0
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        return 1
    except KeyboardInterrupt:
        print("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
