"""The programs that these tests drive, trystd and tryst, and what each case has at hand.

SPDX-License-Identifier: MIT
"""
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE = os.environ.get("TRYST_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TRYST_BUILD") or os.path.join(SOURCE, "build")
TRYSTD = os.path.join(BUILD, "trystd")
TRYST = os.path.join(BUILD, "tryst")
PATIENCE_S = 20
PIN = re.compile(r"^(127\.0\.0\.1):(\d+)#([A-Za-z0-9_-]{43})$")


class Program:
    """A running program whose lines are collected as they come."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, **options):
        self.process = subprocess.Popen(arguments, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **options)
        self.lines = {"out": [], "err": []}
        self.news = queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self.readers:
            reader.start()

    def read(self, name, stream):
        for line in stream:
            self.lines[name].append(line.decode("utf-8", "replace").rstrip("\n"))
            self.news.put(name)
        self.news.put(name)

    def wait_for(self, find, what):
        """Waits until find() is true of what was printed so far, and returns it."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = find()
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {what} in {PATIENCE_S} s; stdout {self.lines['out']}, "
                                     f"stderr {self.lines['err']}")
            try:
                self.news.get(timeout=min(left, 0.2))
            except queue.Empty:
                pass

    def wait_line(self, name, part):
        return self.wait_for(lambda: next((l for l in self.lines[name] if part in l), None), part)

    def wait_event(self, name, **fields):
        def find():
            for event in self.events():
                if event["event"] == name and all(event.get(k) == v for k, v in fields.items()):
                    return event
            return None
        return self.wait_for(find, f"event {name} {fields}")

    def events(self):
        return [json.loads(line) for line in list(self.lines["out"])]

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Waits for the end; returns the exit status."""
        status = self.process.wait(PATIENCE_S)
        for reader in self.readers:
            reader.join(PATIENCE_S)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class Case(unittest.TestCase):
    needs = (TRYSTD, TRYST)  # a build may be without the server

    def setUp(self):
        for program in self.needs:
            if not os.access(program, os.X_OK):
                self.skipTest(f"{program} is not built")
        self.folder = tempfile.mkdtemp(prefix="tryst-cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as stream:
            stream.write(text)
        return self.path(name)

    def run_to_end(self, *arguments, **options):
        return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False, **options)

    def start(self, *arguments, **options):
        program = Program(*arguments, **options)
        self.addCleanup(program.close)
        return program

    def start_server(self, *arguments, listen="127.0.0.1:0"):
        server = self.start(TRYSTD, "--state", self.path("state"), "--listen", listen, *arguments)
        server.wait_for(lambda: server.lines["out"] or server.process.poll() is not None,
                        "pin line")
        server.pin = (server.lines["out"] or [""])[0]
        return server

    def start_player(self, server, *arguments, session="meet", **options):
        return self.start(TRYST, "join", session, "--server", server.pin, "--json", *arguments,
                          **options)


def run_all():
    """The cases of the file that was called; skipped as a whole where none of them could run."""
    result = unittest.main(verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if len(result.skipped) == result.testsRun else 0)
