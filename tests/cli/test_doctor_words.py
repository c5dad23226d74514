#!/usr/bin/env python3
"""What tryst doctor says where it could learn little: in words as in JSON, and no more than it knows.

SPDX-License-Identifier: MIT
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import Case, TRYST, run_all  # noqa: E402

KEY = "#" + "A" * 43


class DoctorWords(Case):
    def ask(self, pin, *flags):
        """The verdict and the object."""
        text, found = (self.run_to_end(TRYST, "doctor", "--server", pin, *flags, *more)
                       for more in ((), ("--json",)))
        return " ".join(text.stdout.split("\n\n", 1)[0].split()), json.loads(found.stdout)

    def test_of_a_server_that_is_off_nothing_is_concluded(self):
        said, found = self.ask("127.0.0.1:9" + KEY, "--timeout", "1")
        self.assertIn("Nothing can be said", said)
        self.assertIsNone(found["direct_likely"])

    def test_a_name_that_does_not_resolve_is_named_as_such(self):
        said, found = self.ask("nobody.invalid:7777" + KEY, "--timeout", "8")
        self.assertIn("cannot be resolved", said)
        self.assertIsNone(found["direct_likely"])

    def test_a_survey_that_was_cut_short_is_not_the_servers_fault(self):
        said, found = self.ask(self.start_server().pin, "--timeout", "0.001")
        if found["survey"] == "running":  # the time was over in between
            self.assertNotIn("no second port", said)

    def test_ipv4_is_not_said_to_be_silent_where_it_was_not_asked(self):
        said, found = self.ask(self.start_server(listen="[::1]:0").pin)
        self.assertEqual((found["ipv4"], found["ipv6"]), (None, True))
        self.assertNotIn("does not answer", said)


if __name__ == "__main__":
    run_all()
