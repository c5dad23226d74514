#!/usr/bin/env python3
"""What trystd counts, over HTTP: as Prometheus' own reader reads it, to none who is not let, and without
holding up anybody.

SPDX-License-Identifier: MIT
"""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, PATIENCE_S, run_all  # noqa: E402

# Debian's reader is for Debian's Python, which need not be the one that runs this.
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
READER = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families as read
print(json.dumps([[family.documentation, family.type, sample.name, sample.labels, sample.value]
                  for family in read(sys.stdin.read()) for sample in family.samples]))
"""
SILENT = 40  # connections of one that says nothing: more than are served at a time


class Metrics(Case):
    def start_shown(self, address="127.0.0.1:0", census="on"):
        return self.shown(self.start_server("--metrics", address, "--config", self.write(
            "trystd.ini", f"[server]\ncensus = {census}\n")))

    def shown(self, server):
        """The server, with the address that it shows its counters at."""
        if server.process.poll() is not None and "was built without" in "".join(server.lines["err"]):
            self.skipTest("trystd was built without libmicrohttpd")
        said = server.wait_line("err", "event=showing-metrics")
        host, port = re.search(r"address=(\S+):(\d+)", said).groups()
        server.shown_at = host.strip("[]"), int(port)
        return server

    @contextlib.contextmanager
    def connection(self, server):
        client = http.client.HTTPConnection(*server.shown_at, timeout=PATIENCE_S)
        try:
            yield client
        finally:
            client.close()

    def ask(self, server, path="/metrics", method="GET", body=None):
        with self.connection(server) as client:
            client.request(method, path, body)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8")

    def samples(self, server):
        """Every sample by its name and labels."""
        _, _, text = self.ask(server)
        reader = subprocess.run([PYTHON, "-c", READER], input=text, capture_output=True, text=True,
                                timeout=PATIENCE_S, check=False)
        if "ModuleNotFoundError" in reader.stderr:  # then it is read by its own rules
            return {name: float(value) for name, value in
                    re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.M)}
        self.assertEqual(reader.returncode, 0, reader.stderr)
        found = {}
        for told, kind, name, labels, value in json.loads(reader.stdout):
            self.assertTrue(told, name)
            self.assertIn(kind, ("gauge", "counter"), name)
            labels = ",".join(f'{label}="{word}"' for label, word in labels.items())
            name = f"{name}{{{labels}}}" if labels else name
            self.assertNotIn(name, found)
            found[name] = value
        return found

    def stop(self, server):
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0, server.lines["err"])

    def test_pair_that_meets_is_counted_and_nobody_is_named(self):
        server = self.start_shown()
        before = self.samples(server)
        self.assertEqual(before["tryst_participants"], 0)
        self.assertEqual(before['tryst_build_info{version="%s"}' % os.environ.get("TRYST_VERSION", "0.1.0")], 1)
        players = [self.start_player(server, "--timeout", "15") for _ in range(2)]
        for player in players:
            player.wait_event("connected")
        end = time.monotonic() + PATIENCE_S
        while self.samples(server)['tryst_census_pairs_within{path="direct",seconds="+Inf"}'] < 2:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        after = self.samples(server)
        self.assertEqual(after["tryst_participants"], 2)
        self.assertGreaterEqual(after["tryst_registered_total"], 2)  # told anew where they learnt more
        self.assertEqual(sum(value for name, value in after.items()
                             if name.startswith("tryst_census_participants{")), 2)
        pairs = {name: value for name, value in after.items() if name.startswith("tryst_census_pairs{")}
        self.assertEqual(sum(pairs.values()), 2)
        self.assertTrue(all('path="direct"' in name for name in pairs), pairs)
        self.assertGreater(after["tryst_received_total"], before["tryst_received_total"])
        self.assertNotIn("127.0.0.1", self.ask(server)[2])
        for player in players:
            player.signal(signal.SIGTERM)
            player.end()
        self.stop(server)

    def test_census_is_not_shown_where_it_is_off(self):
        server = self.start_shown(census="off")
        self.assertFalse([name for name in self.samples(server) if "census" in name])
        self.stop(server)

    def test_what_is_asked_wrongly_is_answered_so(self):
        server = self.start_shown()
        status, headers, text = self.ask(server)
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertEqual(int(headers["Content-Length"]), len(text))
        self.assertEqual(self.ask(server, "/healthz")[::2], (200, "ok\n"))
        self.assertEqual(self.ask(server, "/healthz", "HEAD")[::2], (200, ""))
        for path in ("/", "/metrics/", "/../metrics", "/%2e%2e/etc/passwd", "/" + "x" * 4000):
            self.assertEqual(self.ask(server, path)[0], 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = self.ask(server, "/metrics", method, b"x" * 5000)
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)
        for junk in (b"\0" * 4000, b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00" * 9):
            with socket.create_connection(server.shown_at, PATIENCE_S) as raw:
                raw.sendall(junk)
                raw.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while raw.recv(4096):
                        pass
        self.assertEqual(self.ask(server, "/healthz")[0], 200)
        self.stop(server)

    def test_connection_stays_for_the_next_question(self):
        server = self.start_shown()
        with self.connection(server) as client:
            for _ in range(3):
                client.request("GET", "/healthz")
                answer = client.getresponse()
                self.assertEqual(answer.read(), b"ok\n")
                self.assertFalse(answer.will_close)
        self.stop(server)

    def test_who_says_nothing_holds_nobody_up_for_long(self):
        server = self.start_shown()
        with contextlib.ExitStack() as stack:
            for _ in range(SILENT):
                stack.enter_context(socket.create_connection(server.shown_at, PATIENCE_S))
            player = self.start_player(server, "--timeout", "15")
            player.wait_event("registered")
            start = time.monotonic()
            self.assertEqual(self.ask(server, "/healthz")[0], 200)
            self.assertLess(time.monotonic() - start, PATIENCE_S)
            player.signal(signal.SIGTERM)
            player.end()
            self.stop(server)  # with the rest of them open

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("there is no ::1 here")
        server = self.start_shown(address="[::1]:0")
        self.assertEqual(self.ask(server, "/healthz")[0], 200)
        self.stop(server)

    def test_port_that_is_taken_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            server = self.start_server("--metrics", f"127.0.0.1:{other.getsockname()[1]}")
            self.assertEqual(server.end(), 1)
        if "was built without" in "".join(server.lines["err"]):
            self.skipTest("trystd was built without libmicrohttpd")
        self.assertRegex("\n".join(server.lines["err"]),
                         r"cannot listen on TCP 127\.0\.0\.1:\d+: port \d+ is in use.*--metrics ADDRESS:PORT")

    def test_nothing_is_shown_unless_it_is_asked_for(self):
        server = self.start_server()
        self.assertFalse([line for line in server.lines["err"] if "metrics" in line])
        path = self.write("other.ini", "[server]\nmetrics = 127.0.0.1:0\n")
        self.stop(server)
        server = self.shown(self.start_server("--config", path))
        self.write("other.ini", "[server]\n")
        server.signal(signal.SIGHUP)
        self.assertIn("metrics", server.wait_line("err", "event=reload-partial"))
        self.stop(server)


if __name__ == "__main__":
    run_all()
