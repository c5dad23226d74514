#!/usr/bin/env python3
"""Where trystd listens, and which of it it shows.

SPDX-License-Identifier: MIT
"""
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, run_all  # noqa: E402


def own_address():
    """An IPv4 address of this machine that others see; None where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("198.51.100.1", 9))
        except OSError:
            return None
        return sock.getsockname()[0]


class Ports(Case):
    def test_second_address_is_not_the_one_that_clients_are_given(self):
        own = own_address()
        if own is None:
            self.skipTest("there is no address but loopback")
        server = self.start_server("--other-address", own, "--listen-tcp", "none",
                                   listen="0.0.0.0:0")
        self.assertNotEqual(server.pin.rsplit(":", 1)[0], own, server.lines["err"])

    def test_second_port_is_taken_everywhere_or_nowhere(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.2", 0))
            first = taken.getsockname()[1] - 1
            server = self.start_server("--listen-tcp", "none", "--listen", f"127.0.0.2:{first}",
                                       listen=f"127.0.0.1:{first}")
            server.wait_line("err", f"event=not-listening address=127.0.0.2:{first + 1}")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind(("127.0.0.1", first + 1))


if __name__ == "__main__":
    run_all()
