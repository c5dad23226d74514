#!/usr/bin/env python3
"""Opens every datagram of golden.txt with a reader made from docs/PROTOCOL.md alone, and finds the
words that the C library wrote beside it; then sees to it that the reader refuses what was changed.

SPDX-License-Identifier: MIT
"""
import pathlib
import sys

import plain_crypto
from plain_crypto import (Forged, aead_open, aead_seal, blake2b, dh, dh_public, sign_public, verify,
                          xaead_open, xaead_seal)
from plain_reader import (BIND, COOKIE_REPLY, CTRL, Cursor, FRAMES, Leg, MEMBER, Malformed, Pair,
                          REFUSED, REFUSED_BODY, REGISTER, REGISTER_BODY, REGISTERED,
                          REGISTERED_BODY, RELAY, UNKNOWN, cookie_mac, entries_of, frame_of,
                          items_of, lane_nonce, record_verify, signed, unmasked)


class Story:
    """Everything known so far, as golden.txt is read from its top."""

    def __init__(self):
        self.secret, self.public, self.derived = {}, {}, {}
        self.record = [None, None]  # of a, who registers, and of b, whom the roster names
        self.node = self.pair = self.leg = None

    # Keys that follow from what is known before any frame.

    def name(self):
        app = blake2b(16, b"tryst1 app", b"", self.public["app_name"])[:8]
        self.derived["app"] = app
        self.derived["session"] = blake2b(16, b"tryst1 session", b"",
                                          app + self.public["session_name"])

    def meet(self):
        self.pair = Pair(self.record, [self.secret["e_a"], self.secret["e_b"]])
        self.derived.update(th0=self.pair.th0, k0=self.pair.k0)
        for role, end in ((0, "lo"), (1, "hi")):
            self.derived["hello_key_" + end] = self.pair.hello_key[role]
            self.derived["hello_id_" + end] = self.pair.hello_id[role]

    def relayed(self):
        self.leg = Leg(self.shared, self.ge, self.record[1])
        self.derived.update(relay_secret=self.leg.secret, route=self.leg.route,
                            leg_to_server=self.leg.to_server, leg_to_client=self.leg.to_client)

    # Frames: each gives the words that must follow it.

    def bind(self, data):
        head = BIND.read(Cursor(data))
        if head["app"] != self.derived["app"]:
            raise Malformed("app")
        self.nonce = head["nonce"]
        return [BIND.words(head)]

    def cookie(self, data):
        reply = COOKIE_REPLY.read(Cursor(data))
        if reply["nonce"] != self.nonce:
            raise Malformed("nonce")
        reply["seen"] = unmasked(reply["seen"], reply["nonce"])
        self.cookie_verify(reply["cookie"], reply["seen"])
        node = reply["certificate"]
        verify(self.public["root"], node["signature"], signed(b"tryst1 node", data[76:164]))
        if node["kx_key"] != dh_public(self.secret["node_kx"]) or \
                node["sign_key"] != sign_public(self.secret["node_sign_seed"]):
            raise Forged("the certificate names other keys")
        self.node, self.seen = node, reply["seen"]
        return [COOKIE_REPLY.words(reply)]

    def cookie_verify(self, cookie, address):
        if cookie_mac(self.secret["cookie_key"], cookie["time_s"], address,
                      self.derived["app"]) != cookie["mac"]:
            raise Forged("cookie")

    def register_open(self, data):
        head = REGISTER.read(Cursor(data))
        self.cookie_verify(head["cookie"], self.seen)
        shared = dh(self.secret["node_kx"], head["ge"])
        key = blake2b(32, b"tryst1 reg.seal", shared,
                      head["ge"] + self.node["kx_key"] + self.node["sign_key"])
        plain = xaead_open(key, data[72:96], data[96:], data[:96])
        cursor = Cursor(plain)
        body = REGISTER_BODY.read(cursor)
        if body["record"]["ge"] != head["ge"] or head["key_id"] != self.node["key_id"]:
            raise Malformed("keys")
        record_verify(body["record"])
        verify(body["record"]["identity"], body["signature"],
               signed(b"tryst1 register", self.node["sign_key"], data[:96],
                      plain[:cursor.at - 64]))
        for proven in body["proven"]:
            self.cookie_verify(proven["cookie"], proven["candidate"])
        self.record[0] = body["record"]
        self.derived["register_key"] = key
        self.derived["register_hash"] = blake2b(32, b"tryst1 reg.hash", b"", data)
        self.shared = shared
        self.ge = head["ge"]
        return [REGISTER.words(head), REGISTER_BODY.words(body)]

    def registered(self, data):
        head = REGISTERED.read(Cursor(data))
        hash_ = self.derived["register_hash"]
        both = self.shared + dh(self.secret["eS"], self.ge)
        keys = blake2b(64, b"tryst1 reg.chan", both, hash_ + head["ges"])
        plain = aead_open(keys[:32], lane_nonce(1, head["reply"]), data[44:], data[:44])
        cursor = Cursor(plain)
        body = REGISTERED_BODY.read(cursor)
        verify(self.node["sign_key"], body["signature"],
               signed(b"tryst1 answer", hash_, head["ges"]))
        if head["tag"] != hash_[:4]:
            raise Malformed("tag")
        self.derived["to_client"], self.derived["to_server"] = keys[:32], keys[32:]
        self.channel = body["channel"]
        words = [REGISTERED.words(head), REGISTERED_BODY.words(body)]
        for layout, value in entries_of(cursor):
            words.append(layout.words(value))
            if layout is MEMBER:
                self.record[1] = value["record"]
        return words

    def refused(self, data):
        head = REFUSED.read(Cursor(data))
        hash_ = self.derived["register_hash"]
        key = blake2b(32, b"tryst1 reg.no", self.shared, hash_)
        body = REFUSED_BODY.read(Cursor(xaead_open(key, data[8:32], data[32:], data[:32])))
        if head["tag"] != hash_[:4]:
            raise Malformed("tag")
        self.derived["refused_key"] = key
        return [REFUSED.words(head), REFUSED_BODY.words(body)]

    def ctrl(self, data, from_server):
        head = CTRL.read(Cursor(data))
        if head["channel"] != self.channel:
            raise Malformed("channel")
        key = self.derived["to_client" if from_server else "to_server"]
        body = aead_open(key, lane_nonce(0, head["counter"]), data[13:], data[:13])
        return [CTRL.words(head), *items_of(body, from_server)]

    def unknown(self, data):
        head = UNKNOWN.read(Cursor(data))
        if head["channel"] != self.channel:
            raise Malformed("channel")
        return [UNKNOWN.words(head)]

    def relay(self, data, from_server):
        head, inner = self.leg.relay(data, from_server)
        if frame_of(inner) not in ("HELLO", "DATA"):
            raise Malformed("what a relay does not carry")
        return [RELAY.words(head), *self.peer(inner)]

    def peer(self, data):
        if data[0] == 0x0b:
            return self.pair.data(data)
        words = self.pair.hello(data, [value for name, value in self.secret.items()
                                       if name.startswith("f_")])
        self.derived["data_key_lo"], self.derived["data_key_hi"] = self.pair.data_key
        return words

    def open(self, name, data):
        kind = frame_of(data)
        if kind in ("HELLO", "DATA"):
            return self.peer(data)
        if kind == "CTRL":
            return self.ctrl(data, name in ("ctrl_pong", "ctrl_roster", "ctrl_relay"))
        if kind == "RELAY":
            return self.relay(data, name == "relay_to_client")
        return {"BIND": self.bind, "COOKIE": self.cookie, "REGISTER": self.register_open,
                "REGISTERED": self.registered, "REFUSED": self.refused,
                "UNKNOWN": self.unknown}[kind](data)


def refuses(story, name, data):
    """Whether the reader takes a changed datagram for no good one, and stays as it was."""
    kept = dict(vars(story)), dict(story.derived)
    pair = dict(vars(story.pair)) if story.pair else None
    lists = {key: list(value) for key, value in (pair or {}).items() if isinstance(value, list)}
    try:
        story.open(name, data)
    except (Forged, Malformed):
        return True
    finally:
        vars(story).update(kept[0])
        story.derived = kept[1]
        if pair:
            vars(story.pair).update(pair, **lists)
    return False


def changes(data):
    """Truncations, a longer one, and single bits in head, body and tag."""
    for size in {0, 1, len(data) // 2, len(data) - 17, len(data) - 1}:
        if 0 <= size < len(data):
            yield f"cut to {size}", data[:size]
    # What is not sealed guards no more than its head; BIND's padding is ignored.
    authenticated = {0x04: (0, 1, 4, 8), 0x05: (0, 1, 4, 12, 24, 28, 49, 90, 227),
                     0x0e: (0, 1, 4)}.get(data[0])
    places = authenticated or (*range(0, len(data), max(1, len(data) // 12)), len(data) - 1)
    for place in places:
        yield f"bit of byte {place}", data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1:]
    if not authenticated:
        yield "longer by a byte", data + b"\0"
    if data[:1] == b"\x0b":
        yield "the other form", data[:8] + bytes([data[8] ^ 0x80]) + data[9:]


def forgeries(story, data):
    """Sealed well, by one who has the keys, but not what its signer signed: (where, datagram)."""
    kind = frame_of(data)
    if kind == "REGISTER":  # in the record, its signature, behind it, and the signature over all
        key, head, places = story.derived["register_key"], 96, (0, 28, 70, 163, 164, 190, -1)
        end = Cursor(xaead_open(key, data[72:96], data[96:], data[:96]))
        REGISTER_BODY.read(end)
        places = (*places[:-1], end.at - 64, end.at - 1)
    elif kind == "REGISTERED":
        key, head, places = story.derived["to_client"], 44, (64, 100, 127)
    elif kind == "HELLO":  # sequence, f, echo, index, signature
        role = story.pair.hello_id.index(data[4:12])
        key, head, places = story.pair.hello_key[role], 36, (0, 7, 38, 39, 71, 74, 147, 210)
    else:
        return
    nonce = lane_nonce(1, int.from_bytes(data[8:12], "little")) if head == 44 else \
        data[head - 24:head]
    opens, seals = (aead_open, aead_seal) if head == 44 else (xaead_open, xaead_seal)
    plain = opens(key, nonce, data[head:], data[:head])
    for at in places:
        changed = plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1:]
        yield f"byte {at} of its body", data[:head] + seals(key, nonce, changed, data[:head])


def read(path, story):
    faults, checked, refused, due, frames = [], 0, 0, [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        kind, name, value = line.split(" ", 2)
        where = f"{path.name}:{number}: {name}"
        checked += 1
        if kind == "words":
            said = due.pop(0) if due else "nothing"
            if said != value:
                faults.append(f"{where}: the file says {value}\n  the reader says {said}")
            continue
        data = bytes.fromhex(value)
        if kind in ("secret", "public"):
            getattr(story, kind)[name] = data
        elif kind == "derived":
            {"app": story.name, "th0": story.meet,
             "relay_secret": story.relayed}.get(name, int)()
            if story.derived.get(name) != data:
                faults.append(f"{where}: derived as {story.derived.get(name, b'').hex()}")
        elif kind == "frame":
            faults += [f"{where}: the frame before says more: {words}" for words in due]
            frames.append(data[0])
            for what, changed in changes(data):
                refused += 1
                if not refuses(story, name, changed):
                    faults.append(f"{where}: was taken although {what}")
            try:
                due = story.open(name, data)
            except (Forged, Malformed) as error:
                # What follows needs what this one would have told.
                return faults + [f"{where}: refused: {error!r}"], ""
            for what, forged in forgeries(story, data):
                refused += 1
                if not refuses(story, name, forged):
                    faults.append(f"{where}: was taken although forged: {what}")
        else:
            faults.append(f"{where}: what is {kind}?")
    faults += [f"the end: the last frame says more: {words}" for words in due]
    faults += [f"the end: no {FRAMES[missing][0]}" for missing in set(FRAMES) - set(frames)]
    return faults, (f"{len(frames)} datagrams and {checked} lines fit, "
                    f"{refused} changed ones are refused")


def main():
    plain_crypto.selftest()
    path = pathlib.Path(__file__).resolve().parent / "golden.txt"
    faults, summary = read(path, Story())
    print("\n".join(faults) or summary)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
