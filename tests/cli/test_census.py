#!/usr/bin/env python3
"""What trystd counts of NATs: nothing unless it is told to; kept over restarts; no addresses in it.

SPDX-License-Identifier: MIT
"""
import csv
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, PATIENCE_S, run_all  # noqa: E402


class Census(Case):
    def settings(self, census="on"):
        return self.write("trystd.ini", f"[server]\ncensus = {census}\n"
                                        f"census_file = {self.path('census.csv')}\n")

    def wait_for_log(self, server, part):
        end = time.monotonic() + PATIENCE_S
        while not any(re.search(part, line) for line in server.lines["err"]):
            self.assertLess(time.monotonic(), end, server.lines["err"][-3:])
            server.signal(signal.SIGUSR1)
            time.sleep(0.2)

    def meet(self, server, until="event=stats"):
        players = [self.start_player(server, "--timeout", "15") for _ in range(2)]
        for player in players:
            player.wait_event("connected")
        self.wait_for_log(server, until)
        for player in players:
            player.signal(signal.SIGTERM)
            player.end()

    def stop(self, server):
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0, server.lines["err"])

    def rows(self):
        with open(self.path("census.csv"), newline="", encoding="ascii") as stream:
            return list(csv.DictReader(stream))

    def count(self, what):
        return sum(int(row["count"]) for row in self.rows() if row["what"] == what)

    def test_counts_go_on_after_a_restart_and_name_nobody(self):
        for life in (1, 2):
            server = self.start_server("--config", self.settings())
            self.meet(server, " pairs_direct=2 ")
            self.assertTrue(server.wait_line("err", "event=census "))
            self.stop(server)
            self.assertEqual(self.count("participant"), 2 * life)
            self.assertEqual(self.count("pair"), 2 * life)
            self.assertEqual({row["path"] for row in self.rows() if row["what"] == "pair"},
                             {"direct"})
        with open(self.path("census.csv"), encoding="ascii") as stream:
            self.assertNotIn("127.0.0.1", stream.read())
        self.assertFalse(os.path.exists(self.path("census.csv.new")))

    def test_nothing_is_counted_unless_it_is_asked_for(self):
        server = self.start_server("--config", self.settings("off"))
        self.meet(server)
        self.stop(server)
        self.assertFalse(os.path.exists(self.path("census.csv")))
        self.assertFalse([line for line in server.lines["err"] if "census" in line])

    def test_file_that_is_something_else_is_left_alone(self):
        self.write("census.csv", "my,own,table\n1,2,3\n")
        server = self.start_server("--config", self.settings())
        self.assertEqual(server.end(), 1)
        self.assertIn("census.csv:1: this is no line of a census", "\n".join(server.lines["err"]))
        with open(self.path("census.csv"), encoding="ascii") as stream:
            self.assertEqual(stream.read(), "my,own,table\n1,2,3\n")

    def test_file_that_cannot_be_written_is_told_at_the_start(self):
        server = self.start_server("--config", self.write(
            "trystd.ini", f"[server]\ncensus = on\ncensus_file = {self.path('none/census.csv')}\n"))
        self.assertEqual(server.end(), 1)
        self.assertIn("none/census.csv: cannot be written: ", "\n".join(server.lines["err"]))

    def test_change_of_the_setting_wants_a_restart(self):
        server = self.start_server("--config", self.settings("off"))
        self.settings("on")
        server.signal(signal.SIGHUP)
        self.assertIn("census", server.wait_line("err", "event=reload-partial"))
        self.stop(server)


if __name__ == "__main__":
    run_all()
