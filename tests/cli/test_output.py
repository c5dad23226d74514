#!/usr/bin/env python3
"""What tryst prints reaches somebody, or tryst says that it did not.

SPDX-License-Identifier: MIT
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, PATIENCE_S, TRYST, run_all  # noqa: E402


class Output(Case):
    def test_a_participant_ends_when_nobody_reads_it(self):
        server = self.start_server()
        for flags in ((), ("--json",)):
            player = subprocess.Popen([TRYST, "join", "meet", "--server", server.pin, *flags],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(player.stdin.close)
            self.addCleanup(player.stderr.close)
            self.addCleanup(player.kill)
            self.assertTrue(player.stdout.readline())
            player.stdout.close()
            self.assertEqual(player.wait(PATIENCE_S), 1)

    def test_output_that_is_lost_is_an_error(self):
        server = self.start_server()
        with open("/dev/full", "wb") as full:
            for arguments in (["--version"], ["--help"], ["keygen", "--key", self.path("own.key")],
                              ["doctor", "--server", server.pin, "--json"],
                              ["join", "meet", "--server", server.pin, "--json", "--timeout", "5"]):
                done = subprocess.run([TRYST, *arguments], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
                self.assertEqual(done.returncode, 1, arguments)
                self.assertIn(b"cannot be written", done.stderr)


if __name__ == "__main__":
    run_all()
