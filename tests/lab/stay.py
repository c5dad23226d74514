#!/usr/bin/env python3
"""Pairs that talk stay connected through what networks do: story by story, on real netfilter.

SPDX-License-Identifier: MIT

Runs are made side by side, each pair with homes and a server of its own in one lab. Needs what
run.py needs, which also writes the table of both (run.py --record).
"""

import argparse
import os
import signal
import sys
import threading
import time

import netlab
import staytable
from pair import Pair
from players import PlayError, find_program, folder
from stay_cases import STORIES, STREAM_STORIES, Found, compare, stream_settings

SKIP = 77
RUNS_IN_CHECK = 3
TOGETHER = 100  # pairs that talk at the same time, in a check ...
UNDISTURBED = 8  # ... and for the record


def why_not():
    """Why the stories cannot run here, or None."""
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        return "TRYST_SKIP_LAB=1"
    return netlab.why_not()


class Stage:
    """One lab, and the runs that are made in it."""

    def __init__(self, lab, place, is_long, together):
        self.lab = lab
        self.place = place
        self.is_long = is_long
        self.room = threading.Semaphore(together)
        self.started = 0

    def begin(self, story, found):
        """Makes one run on a thread of its own, as soon as there is room. Returns the thread."""
        if not story.is_quiet:
            self.room.acquire()
        self.started += 1
        pair = Pair(self.lab, self.started, self.place, found, self.is_long)
        thread = threading.Thread(target=self._run, args=(story, pair), daemon=True)
        thread.start()
        return thread

    def _run(self, story, pair):
        try:
            story.run(pair)
        except (PlayError, netlab.LabError) as error:
            pair.found.wrong.append(str(error))
        except Exception as error:  # pylint: disable=broad-except  # told as the run's fault
            pair.found.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            pair.found.paths = pair.paths()
            pair.found.tale = pair.tale()
            pair.close()
            if not story.is_quiet:
                self.room.release()


def measure(stories, runs, is_long=False, told=None):
    """Makes `runs` runs of each story, the longest first. is_long: for the record. told: called with
    each story and its list of Found when they are there. Returns the list of both, in the order of
    the stories."""
    results = {story.name: [Found() for _ in range(runs)] for story in stories}
    threads = {story.name: [] for story in stories}
    with folder() as place, netlab.Lab() as lab:
        stage = Stage(lab, place, is_long, UNDISTURBED if is_long else TOGETHER)
        for story in sorted(stories, key=lambda story: -story.length_s):
            for found in results[story.name]:
                threads[story.name].append(stage.begin(story, found))
        for story in stories:
            for thread in threads[story.name]:
                thread.join()
            if told:
                told(story, results[story.name])
    return [(story, results[story.name]) for story in stories]


def tell(story, found, is_whole=False):
    """Prints a story's line, and what was wrong; is_whole: the events of such runs as well."""
    print(staytable.line(story, found), flush=True)
    for number, one in enumerate(found, 1):
        for words in one.wrong:
            print(f"    run {number}: {words} ({one.paths})", flush=True)
        if one.wrong and is_whole:
            print("\n".join(f"        {line}" for line in one.tale), flush=True)


def choose(names, is_record):
    """The stories to tell; those that this server cannot are told of."""
    stories = [s for s in STORIES if is_record or not s.is_record_only]
    if stream_settings() is not None:
        stories += STREAM_STORIES
    else:
        print("skipped: " + ", ".join(s.name for s in STREAM_STORIES)
              + ": this trystd does not listen on TCP", flush=True)
    known = [s.name for s in stories]
    return [s for s in stories if not names or any(
        part == s.name if part in known else part in s.name for part in names)]


def main():
    parser = argparse.ArgumentParser(description="pairs that talk stay connected")
    parser.add_argument("--case", metavar="NAME", action="append",
                        help="only this story, or those whose name holds this; repeatable")
    parser.add_argument("--list", action="store_true", help="name the stories")
    parser.add_argument("--runs", type=int, metavar="N", default=RUNS_IN_CHECK,
                        help="runs of each story")
    parser.add_argument("--long", action="store_true", help="wait as long as for the record")
    parser.add_argument("--events", action="store_true", help="tell the events of runs that fail")
    options = parser.parse_args()
    reason = why_not()
    if options.list:
        print("\n".join(story.name for story in STORIES + STREAM_STORIES))
        return 0
    if reason:
        print(f"stay skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    started = time.monotonic()
    try:
        for name in ("trystd", "tests/lab/chatter"):
            find_program(name)
        stories = choose(options.case, options.long)
        if not stories:
            print("no story has that name; --list names them", file=sys.stderr)
            return 2
        measured = measure(stories, options.runs, options.long,
                           told=lambda *both: tell(*both, options.events))
        compare(measured)
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        return 1
    failed = sum(any(one.wrong for one in found) for _, found in measured)
    print(f"{len(measured) - failed} passed, {failed} failed, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
