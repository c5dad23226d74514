#!/usr/bin/env python3
"""A trystd that is killed, and started again: who was there is back in seconds, not at the next ping.

SPDX-License-Identifier: MIT
"""
import os
import resource
import signal
import stat
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, TRYSTD, run_all  # noqa: E402

WHOLE_S = 3
# Then the look at the NAT is over. A REGISTER that tells of it, and is under way when the server is killed,
# reaches the next one, and the player is back without a word.
SURVEY_S = 0.8


class Recall(Case):
    def kill(self, server):
        server.signal(signal.SIGKILL)
        server.end()

    def start_again(self, server):
        """The same state folder and port; returns it, and when it was there, in unix microseconds."""
        again = self.start_server(listen=server.pin.split("#")[0])
        self.assertEqual(again.pin, server.pin)
        return again, time.time_ns() // 1000

    def players(self, server, count):
        players = [self.start_player(server) for _ in range(count)]
        for player in players:
            player.wait_event("connected")
        time.sleep(SURVEY_S)
        return players

    def test_players_are_back_within_three_seconds(self):
        server = self.start_server()
        players = self.players(server, 2)
        about = os.stat(self.path("state/recall"))
        self.assertEqual(stat.S_IMODE(about.st_mode), 0o600)
        for life in range(2):
            self.kill(server)
            time.sleep(0.5)
            server, start_us = self.start_again(server)
            self.assertIn("recalled=2", server.wait_line("err", "event=started"))
            for player in players:
                player.wait_for(lambda p=player: [e["event"] for e in p.events()].count("server-back")
                                == life + 1, "server-back")
                back = [e for e in player.events() if e["event"] == "server-back"][life]
                lost = [e for e in player.events() if e["event"] == "server-lost"][life]
                self.assertGreater(lost["unix_us"], start_us - 500_000)
                self.assertLess(back["unix_us"] - start_us, WHOLE_S * 1_000_000)
                self.assertNotIn("left", [e["event"] for e in player.events()])
        late = self.players(server, 1)[0]
        late.wait_for(lambda: [e["event"] for e in late.events()].count("connected") == 2,
                      "both of the others")

    def test_who_left_and_a_clean_end_are_not_recalled(self):
        server = self.start_server()
        players = self.players(server, 2)
        players[0].signal(signal.SIGTERM)
        players[0].end()
        players[1].wait_event("left")
        self.kill(server)
        server, _ = self.start_again(server)
        self.assertIn("recalled=1", server.wait_line("err", "event=started"))
        players[1].wait_event("server-back")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        server, _ = self.start_again(server)
        self.assertIn("recalled=0", server.wait_line("err", "event=started"))

    def test_a_file_that_is_none_of_ours_only_warns(self):
        os.mkdir(self.path("state"), 0o700)
        self.write("state/recall", "garbage" * 100)
        os.chmod(self.path("state/recall"), 0o600)
        server = self.start_server()
        line = server.wait_line("err", "event=not-recalling")
        self.assertIn("level=warning", line)
        self.assertIn("state/recall", line)
        self.players(server, 2)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        with open(self.path("state/recall"), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "garbage" * 100)

    def test_a_file_that_may_not_grow_only_warns(self):
        server = self.start(TRYSTD, "--state", self.path("state"), "--listen", "127.0.0.1:0",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                  (1 << 20, 1 << 20)))
        self.assertIn("size", server.wait_line("err", "event=not-recalling"))
        server.wait_line("err", "event=listening")

    def test_a_second_server_in_one_state_folder_only_warns(self):
        self.start_server()
        second = self.start_server()
        self.assertIn("another server", second.wait_line("err", "event=not-recalling"))


if __name__ == "__main__":
    run_all()
