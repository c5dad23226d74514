#!/usr/bin/env python3
"""Drives the real programs, trystd and tryst, over loopback, as people and scripts would.

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import PATIENCE_S, PIN, SOURCE, TRYST, TRYSTD, Case, run_all  # noqa: E402


class Server(Case):
    needs = (TRYSTD,)

    def test_pin_line_is_the_first_and_only_output(self):
        server = self.start_server()
        self.assertRegex(server.pin, PIN)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0, server.lines["err"])
        self.assertEqual(len(server.lines["out"]), 1)
        self.assertTrue(any("event=started" in line for line in server.lines["err"]))
        self.assertTrue(any("event=stopped" in line for line in server.lines["err"]))

    def test_keys_are_private_and_kept(self):
        keys = []
        for _ in range(2):
            server = self.start_server()
            keys.append(PIN.match(server.pin).group(3))
            server.signal(signal.SIGINT)
            self.assertEqual(server.end(), 0)
        self.assertEqual(keys[0], keys[1])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("state")).st_mode), 0o700)
        for name in ("root.key", "node.key"):
            mode = os.stat(os.path.join(self.path("state"), name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)

    def test_key_that_others_may_read_is_refused(self):
        server = self.start_server()
        server.signal(signal.SIGTERM)
        server.end()
        os.chmod(os.path.join(self.path("state"), "root.key"), 0o644)
        server = self.start_server()
        self.assertEqual(server.end(), 1)
        self.assertIn("root.key", server.lines["err"][0])
        self.assertIn("chmod 600", server.lines["err"][0])
        self.assertEqual(server.lines["out"], [])

    def test_example_configuration_is_good(self):
        done = self.run_to_end(TRYSTD, "--check-config", "--config",
                               os.path.join(SOURCE, "docs", "trystd.ini"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("ok", done.stdout)

    def test_bad_configuration_is_told_line_by_line(self):
        file = self.write("bad.ini", "[server]\nstats = often\n\n[limits]\nparticipants = 0\n")
        for more in (["--check-config"], []):
            done = self.run_to_end(TRYSTD, "--config", file, "--state", self.path("state"), *more)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{file}:2: ", done.stderr)
            self.assertIn(f"{file}:5: ", done.stderr)
            self.assertIn("2 mistakes", done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(self.path("state")))

    def test_wrong_flags_end_with_2(self):
        for flags in (["--frobnicate"], ["--listen"], ["--listen", "x"], ["word"]):
            done = self.run_to_end(TRYSTD, *flags)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIn("--help", done.stderr)

    def test_help_and_version(self):
        done = self.run_to_end(TRYSTD, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--check-config", done.stdout)
        done = self.run_to_end(TRYSTD, "--version")
        self.assertRegex(done.stdout, r"^trystd \d+\.\d+\.\d+\n$")

    def test_port_in_use_is_told_with_what_to_do(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            server = self.start_server(listen=f"127.0.0.1:{port}")
            self.assertEqual(server.end(), 1)
        error = "\n".join(server.lines["err"])
        self.assertIn(f"port {port} is in use", error)
        self.assertIn("--listen", error)
        self.assertEqual(server.lines["out"], [])

    def test_advertised_name_is_shown(self):
        server = self.start_server("--advertise", "meet.example.net:4000")
        self.assertTrue(server.pin.startswith("meet.example.net:4000#"), server.pin)
        server = self.start(TRYSTD, "--state", self.path("two"), "--listen", "*:0", "--advertise",
                            "meet.example.net")
        pin = server.wait_line("out", "#")
        self.assertRegex(pin, r"^meet\.example\.net:[1-9]\d*#")

    def test_all_addresses_show_one_of_this_machine(self):
        server = self.start_server(listen="0.0.0.0:0")
        self.assertRegex(server.pin, r"^(\d+\.){3}\d+:\d+#")
        self.assertFalse(server.pin.startswith("0.0.0.0"))

    def test_several_sockets_and_ipv6(self):
        server = self.start_server("--listen", "[::1]:0")
        if server.process.poll() is not None:
            self.skipTest("no IPv6 loopback")
        lines = server.wait_for(lambda: [line for line in server.lines["err"]
                                         if "event=listening" in line and "tcp:" not in line][1:],
                                "second socket")
        self.assertIn("[::1]:", lines[0])

    def test_reload_takes_good_settings_and_keeps_the_old_for_bad_ones(self):
        file = self.write("trystd.ini", "[server]\nlog_level = info\n")
        server = self.start_server("--config", file)
        self.write("trystd.ini", "[server]\nlog_level = loud\n\n[limits]\nparticipants = x\n")
        server.signal(signal.SIGHUP)
        self.assertIn("reload-refused", server.wait_line("err", f"{file}:2: "))
        server.wait_line("err", f"{file}:5: ")
        self.write("trystd.ini", "[limits]\nparticipants = 7\n")
        server.signal(signal.SIGHUP)
        server.wait_line("err", "event=reloaded")
        self.write("trystd.ini", "[server]\nadvertise = elsewhere.example\n")
        server.signal(signal.SIGHUP)
        server.wait_line("err", "event=reload-partial")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)

    def test_counters_are_logged_when_asked(self):
        server = self.start_server()
        host, port, _ = PIN.match(server.pin).groups()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for garbage in (b"", b"x", os.urandom(40), bytes([4]) + bytes(1199)):
                stranger.sendto(garbage, (host, int(port)))
        end = time.monotonic() + PATIENCE_S
        while not any(re.search(r"event=stats .*\breceived=4 ", line)
                      for line in server.lines["err"]) and time.monotonic() < end:
            server.signal(signal.SIGUSR1)
            time.sleep(0.2)
        line = server.wait_line("err", " received=4 ")
        self.assertIn("drop_short=", line)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)


class Tool(Case):
    needs = (TRYST,)

    PIN = "127.0.0.1:9#" + "A" * 43

    def test_help_and_version(self):
        done = self.run_to_end(TRYST, "--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^tryst \d+\.\d+\.\d+\n$")
        for command in (["--help"], ["join", "--help"]):
            done = self.run_to_end(TRYST, *command)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("--expect", done.stdout)

    def test_wrong_usage_ends_with_2(self):
        good = ["join", "meet", "--server", self.PIN]
        for arguments in ([], ["dance"], ["join"], ["join", "meet"], ["keygen", "x"],
                          ["keygen", "--key"], ["join", "", "--server", self.PIN],
                          ["join", "x" * 65, "--server", self.PIN], [*good, "second"],
                          [*good, "--frobnicate"], [*good, "--expect", "0"],
                          [*good, "--expect", "many"], [*good, "--timeout", "-1"],
                          [*good, "--timeout", "1s"], [*good, "--at", "nan"],
                          [*good, "--bind", "65536"], [*good, "--bind", "0"],
                          [*good, "--relay", "sometimes"], [*good, "--spray", "only"],
                          [*good, "--sockets", "0"], [*good, "--sockets", "256"],
                          [*good, "--tcp-port", "0"],
                          [*good, "--send", ""], [*good, "--send", "x" * 1151],
                          [*good, "--name", "x" * 129], ["join", "meet", "--server", "nonsense"],
                          ["join", "meet", "--server", "127.0.0.1:9"], ["doctor"],
                          ["doctor", "--server", "nonsense"], ["doctor", "--server", self.PIN, "x"],
                          ["doctor", "--server", self.PIN, "--relay", "deny"],
                          ["doctor", "--server", self.PIN, "--timeout", "soon"]):
            done = self.run_to_end(TRYST, *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("--help", done.stderr, arguments)
            self.assertEqual(done.stdout, "")

    def test_keygen_makes_a_private_key_once(self):
        file = self.path("my.key")
        done = self.run_to_end(TRYST, "keygen", "--key", file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^[A-Za-z0-9_-]{43}\n$")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        with open(file, encoding="ascii") as stream:
            before = stream.read()
        done = self.run_to_end(TRYST, "keygen", "--key", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is there already", done.stderr)
        with open(file, encoding="ascii") as stream:
            self.assertEqual(stream.read(), before)
        done = self.run_to_end(TRYST, "keygen", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.path.exists(self.path("tryst.key")))

    def test_missing_or_open_key_is_refused(self):
        join = [TRYST, "join", "meet", "--server", self.PIN, "--key", self.path("my.key")]
        done = self.run_to_end(*join)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tryst keygen --key", done.stderr)
        self.run_to_end(TRYST, "keygen", "--key", self.path("my.key"))
        os.chmod(self.path("my.key"), 0o644)
        done = self.run_to_end(*join)
        self.assertEqual(done.returncode, 1)
        self.assertIn("permission denied", done.stderr)

    def test_no_server_ends_with_3_when_the_time_is_over(self):
        start = time.monotonic()
        done = self.run_to_end(TRYST, "join", "meet", "--server", self.PIN, "--json", "--timeout",
                               "0.5")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertLess(time.monotonic() - start, 5)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(events[-1]["event"], "stats")
        self.assertGreater(events[-1]["datagrams_sent"], 0)
        self.assertEqual((events[-1]["sent"], events[-1]["received"]), (0, 0))

    def test_local_port_in_use_is_told(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("0.0.0.0", 0))
            port = other.getsockname()[1]
            done = self.run_to_end(TRYST, "join", "meet", "--server", self.PIN, "--bind",
                                   str(port), "--timeout", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {port} is in use", done.stderr)


class Together(Case):
    def test_two_scripts_exchange_messages(self):
        server = self.start_server()
        self.run_to_end(TRYST, "keygen", "--key", self.path("a.key"))
        a = self.start_player(server, "--send", 'from "a" \u00e4', "--expect", "1", "--timeout",
                              "15", "--name", "Ann", "--key", self.path("a.key"),
                              "--relay", "deny")
        b = self.start_player(server, "--send", b"from b \xff\x01", "--expect", "1", "--timeout",
                              "15", "--trace")
        self.assertEqual((a.end(), b.end()), (0, 0), a.lines["err"] + b.lines["err"])
        for player in (a, b):
            names = [event["event"] for event in player.events()]
            for name in ("cookie", "registered", "joined", "connected", "message", "stats"):
                self.assertIn(name, names)
            self.assertEqual(names[-1], "stats")
            for event in player.events():
                self.assertGreaterEqual(event["t_us"], 0)
                self.assertGreater(event["unix_us"], 1_500_000_000_000_000)
            connected = player.wait_event("connected")
            self.assertEqual(connected["path"], "direct")
            self.assertIn(connected["kind"], ("host", "public", "observed"))
            self.assertRegex(connected["address"], r":\d+$")
            registered = player.wait_event("registered")
            self.assertRegex(registered["public"], r"^127\.0\.0\.1:\d+$")
            self.assertIsInstance(registered["local"], list)
            self.assertEqual(player.wait_event("stats")["received"], 1)
        self.assertEqual(b.wait_event("message")["text"], 'from "a" \u00e4')
        self.assertEqual(a.wait_event("message")["text"], "from b \u00ff\u0001")
        self.assertEqual(a.wait_event("message")["size"], 9)
        self.assertEqual(b.wait_event("joined")["name"], "Ann")
        self.assertEqual(b.wait_event("joined")["peer"], a.wait_event("registered")["self"])
        for name in ("punch", "hello"):
            self.assertIn(name, [event["event"] for event in b.events()])
            self.assertNotIn(name, [event["event"] for event in a.events()])

    def test_scripts_that_are_reached_by_the_server_alone(self):
        server = self.start_server()
        players = [self.start_player(server, "--send", "hidden", "--expect", "1", "--timeout", "15",
                                     *flags) for flags in (("--relay", "only"), ())]
        self.assertEqual([player.end() for player in players], [0, 0])
        for player in players:
            connected = player.wait_event("connected")
            self.assertEqual((connected["path"], connected["kind"]), ("relay", "none"))
            self.assertEqual(connected["address"], server.pin.split("#", 1)[0])
            self.assertNotIn("path", [event["event"] for event in player.events()])
            self.assertEqual(player.wait_event("message")["text"], "hidden")

    def test_the_doctor_says_the_same_in_words_and_as_json(self):
        pin = self.start_server().pin
        text, found = (self.run_to_end(TRYST, "doctor", "--server", pin, *flags)
                       for flags in ((), ("--json", "--port-mapping", "deny")))
        self.assertEqual((text.returncode, text.stderr, found.returncode), (0, "", 0))
        self.assertRegex(text.stdout, "^Direct play is likely")
        self.assertNotIn("127.0.0.1", text.stdout.split("```")[1])
        found = json.loads(found.stdout)
        self.assertEqual((found["outlook"], found["mapping"], found["udp"]), ("open", "none", True))

    def test_without_a_server_the_doctor_finds_nothing_likely(self):
        done = self.run_to_end(TRYST, "doctor", "--server", Tool.PIN, "--json", "--timeout", "1")
        self.assertEqual((done.returncode, json.loads(done.stdout)["udp"]), (5, False), done.stderr)

    def test_people_chat(self):
        server = self.start_server()
        people = [self.start(TRYST, "join", "lobby", "--server", server.pin, "--name", name,
                             stdin=subprocess.PIPE) for name in ("Ann", "Bob")]
        for person in people:
            person.wait_line("out", "is connected: direct")
        people[0].process.stdin.write("hello there\n\x1b[31mred\n".encode())
        people[0].process.stdin.flush()
        people[1].wait_line("out", "<Ann> hello there")
        people[1].wait_line("out", "<Ann> \\x1b[31mred")
        people[1].process.stdin.write(("long " + "\u00e9" * 1000 + "\nhi\n").encode())
        people[1].process.stdin.flush()
        people[0].wait_line("out", "<Bob> hi")
        said = "".join(line[len("<Bob> "):] for line in people[0].lines["out"]
                       if line.startswith("<Bob> "))
        self.assertEqual(said, "long " + "\u00e9" * 1000 + "hi")
        people[0].process.stdin.close()
        self.assertEqual(people[0].end(), 0)
        people[1].wait_line("out", "Ann left")
        people[1].signal(signal.SIGINT)
        self.assertEqual(people[1].end(), 0)
        text = "\n".join(people[0].lines["out"] + people[1].lines["out"])
        self.assertNotIn("\x1b", text)

    def test_leaving_by_signal_is_polite(self):
        server = self.start_server()
        a, b = self.start_player(server), self.start_player(server)
        key = a.wait_event("registered")["self"]
        b.wait_event("connected", peer=key)
        a.signal(signal.SIGTERM)
        self.assertEqual(a.end(), 0)
        self.assertEqual(b.wait_event("left")["peer"], key)

    def test_a_signal_before_the_messages_came_is_an_error(self):
        server = self.start_server()
        player = self.start_player(server, "--expect", "1")
        player.wait_event("registered")
        player.signal(signal.SIGINT)
        self.assertEqual(player.end(), 1)

    def test_clients_are_told_that_the_server_ends_and_stay_connected(self):
        server = self.start_server()
        a = self.start_player(server)
        b = self.start_player(server, stdin=subprocess.PIPE)
        key = b.wait_event("registered")["self"]
        a.wait_event("connected", peer=key)
        b.wait_event("connected")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        lost = a.wait_event("server-lost")
        self.assertIn("shutting down", lost["reason"])
        b.process.stdin.write(b"still here\n")
        b.process.stdin.flush()
        self.assertEqual(a.wait_event("message")["text"], "still here")

    def test_a_full_session_refuses_with_4(self):
        file = self.write("trystd.ini", "[limits]\nsession_participants = 1\n")
        server = self.start_server("--config", file)
        first = self.start_player(server)
        first.wait_event("registered")
        second = self.start_player(server, "--timeout", "15")
        self.assertEqual(second.end(), 4, second.lines)
        self.assertIn("full", second.wait_event("refused")["reason"])

    def test_join_waits_for_its_time_with_the_cookie_fetched(self):
        server = self.start_server()
        at = time.clock_gettime(time.CLOCK_MONOTONIC) + 1.0
        player = self.start_player(server, "--at", f"{at:.6f}")
        registered = player.wait_event("registered")
        cookie = player.wait_event("cookie")
        self.assertLess(cookie["t_us"], 900_000)
        gap_us = registered["t_us"] - cookie["t_us"]
        self.assertGreater(gap_us, 100_000)
        self.assertGreaterEqual(time.clock_gettime(time.CLOCK_MONOTONIC), at)
        self.assertRegex(cookie["public"], r"^127\.0\.0\.1:\d+$")

    def test_another_root_key_is_not_believed(self):
        server = self.start_server()
        server.pin = server.pin.split("#")[0] + "#" + "A" * 43
        player = self.start_player(server, "--timeout", "4")
        self.assertEqual(player.end(), 3)
        self.assertIn("not signed by the pinned key", player.events()[0].get("reason", "registered"))


if __name__ == "__main__":
    run_all()
