"""A reader of tryst/1 made from docs/PROTOCOL.md: what stands in a datagram, and the keys that open
it.

SPDX-License-Identifier: MIT
"""
import ipaddress
import struct

from plain_crypto import (Forged, aead_open, blake2b, dh, dh_public, siphash128, verify,
                          xaead_open)

KINDS = ("none", "host", "public", "ipv6", "mapped", "observed")


class Malformed(Exception):
    """Short, past a limit, or of no known form."""


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Malformed("short")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def rest(self):
        return self.take(len(self.data) - self.at)


# Fields. A reader takes its value from a cursor; words are how golden.txt writes it.

class Number:
    def __init__(self, size):
        self.size = size

    def read(self, cursor):
        return cursor.number(self.size)

    @staticmethod
    def words(value):
        return str(value)


class Bytes(Number):
    def read(self, cursor):
        return cursor.take(self.size)

    @staticmethod
    def words(value):
        return value.hex()


class Blob:
    def __init__(self, most):
        self.most = most

    def read(self, cursor):
        size = cursor.number(2)
        if size > self.most:
            raise Malformed("a blob past its limit")
        return cursor.take(size)

    words = staticmethod(bytes.hex)


class Address:
    """(family, kind, port, ip)"""
    @staticmethod
    def read(cursor):
        family, kind, port = cursor.number(1), cursor.number(1), cursor.number(2)
        ip = cursor.take(16)
        if family not in (0, 4, 6):
            raise Malformed("an address family")
        return family, kind, port, ip[:4] + bytes(12) if family == 4 else ip

    @staticmethod
    def words(value):
        family, kind, port, ip = value
        name = KINDS[kind] if kind < len(KINDS) else "unknown"
        if family == 0:
            return f"{name}/none"
        if family == 4:
            return f"{name}/{ipaddress.IPv4Address(ip[:4])}:{port}"
        return f"{name}/[{ipaddress.IPv6Address(ip)}]:{port}"


class Layout:
    def __init__(self, name, *fields):
        self.name, self.fields = name, fields

    def read(self, cursor):
        return {name: kind.read(cursor) for name, kind in self.fields}

    def words(self, value):
        return "%s{%s}" % (self.name, " ".join(f"{name}={kind.words(value[name])}"
                                               for name, kind in self.fields))


class List:
    def __init__(self, most, layout):
        self.most, self.layout = most, layout

    def read(self, cursor):
        count = cursor.number(1)
        if count > self.most:
            raise Malformed("a list past its limit")
        return [self.layout.read(cursor) for _ in range(count)]

    def words(self, value):
        return "[%s]" % "".join(map(self.layout.words, value))


U8, U16, U32, U64 = map(Number, (1, 2, 4, 8))
KEY, SIGNATURE, NONCE = Bytes(32), Bytes(64), Bytes(24)
HEAD = ("type", U8), ("version", U8), ("flags", U16)
LISTED = Layout("address", ("address", Address))
COOKIE = Layout("cookie", ("time_s", U32), ("mac", Bytes(16)))
NAT = Layout(
    "nat", ("mapping", U8), ("filtering", U8), ("ports", U8), ("flags", U8), ("stride", U16),
    ("low", U16), ("high", U16), ("last", U16))
CERTIFICATE = Layout(
    "certificate", ("version", U8), ("reserved", Bytes(3)), ("key_id", Bytes(4)),
    ("not_before_s", U64), ("not_after_s", U64), ("sign_key", KEY), ("kx_key", KEY),
    ("signature", SIGNATURE))
RECORD = Layout(
    "record", ("version", U8), ("flags", U8), ("reserved", U16), ("versions", U32), ("caps", U32),
    ("epoch", U64), ("session", Bytes(16)), ("identity", KEY), ("ge", KEY),
    ("signature", SIGNATURE))
PAGE = Layout("page", ("from", U64), ("to", U64), ("goal", U64), ("reset", U8))
BIND = Layout("bind", *HEAD, ("magic", U32), ("app", Bytes(8)), ("nonce", Bytes(16)),
              ("cookie", COOKIE))
COOKIE_REPLY = Layout(
    "cookie_reply", *HEAD[:2], ("other_port", U16), ("magic", U32), ("nonce", Bytes(16)), ("cookie", COOKIE),
    ("seen", Address), ("server_ms", U64), ("versions", U32), ("certificate", CERTIFICATE),
    ("other", Address))
REGISTER = Layout(
    "register", *HEAD, ("magic", U32), ("app", Bytes(8)), ("cookie", COOKIE), ("key_id", Bytes(4)),
    ("ge", KEY), ("nonce", NONCE))
PROVEN = Layout("proven", ("candidate", Address), ("cookie", COOKIE))
REGISTER_BODY = Layout(
    "register_body", ("record", RECORD), ("sequence", U32), ("seen", Address), ("rtt_ms", U16),
    ("nat", NAT), ("local", List(8, LISTED)), ("proven", List(2, PROVEN)), ("roster_fence", U64),
    ("roster_version", U64), ("token", Blob(200)), ("invite", Blob(32)), ("user_data", Blob(128)),
    ("app_data", Blob(128)), ("signature", SIGNATURE))
REGISTERED = Layout("registered", *HEAD, ("tag", Bytes(4)), ("reply", U32), ("ges", KEY))
REGISTERED_BODY = Layout(
    "registered_body", ("status", U16), ("slot", U16), ("flags", U32), ("server_ms", U64),
    ("seen", Address), ("keepalive_ms", U32), ("expire_ms", U32), ("participants_max", U16),
    ("relay_kbps", U16), ("channel", Bytes(8)), ("fence", U64), ("signature", SIGNATURE),
    ("data", Blob(128)), ("page", PAGE))
REFUSED = Layout("refused", *HEAD, ("tag", Bytes(4)), ("nonce", NONCE))
REFUSED_BODY = Layout("refused_body", ("reason", U16), ("retry_ms", U32), ("detail", Blob(63)))
CTRL = Layout("ctrl", ("type", U8), ("channel", Bytes(8)), ("counter", U32))
HELLO_HEAD = Layout("hello", *HEAD, ("id", Bytes(8)), ("nonce", NONCE))
HELLO_BODY = Layout(
    "hello_body", ("sequence", U32), ("state", U8), ("flags", U16), ("gf", KEY), ("echo", KEY),
    ("index", U32), ("ping", Bytes(8)), ("pong", Bytes(8)), ("to", Address), ("seen", Address),
    ("roster_version", U64), ("roster_fence", U64), ("signature", SIGNATURE),
    ("local", List(7, LISTED)))
DATA_HEAD = Layout("data", ("type", U8), ("index", U32), ("counter", U32))
RELAY = Layout("relay", ("type", U8), ("route", Bytes(6)), ("slot", U16), ("counter", U32),
               ("tag", Bytes(8)))
UNKNOWN = Layout("unknown", *HEAD, ("channel", Bytes(8)), ("reserved", U32))
ITEM_PONG = Layout("item_pong", ("pong", Bytes(8)), ("seen", Address))
ITEM_MARK = Layout("item_mark", ("sent", U16))
ITEM_REPORT = Layout("item_report", ("sent", U16), ("received", U16), ("size", U16),
                     ("quiet", U16))
ITEM_STATUS = Layout("item_status", ("fence", U64), ("version", U64), ("hash", Bytes(16)))
ITEMS = {2: Layout("item_ping", ("ping", Bytes(8))), 3: ITEM_PONG,
         4: Layout("item_leave", ("reason", U16)),
         5: Layout("item_ack", ("fence", U64), ("version", U64)), 6: PAGE,
         7: Layout("item_relay", ("slot", U16), ("epoch", U64), ("reason", U16), ("kbps", U32)),
         8: Layout("item_outcome", ("slot", U16), ("epoch", U64), ("path", U8), ("kind", U8),
                   ("took_ms", U16))}
MEMBER = Layout("member", ("slot", U16), ("record", RECORD), ("nat", NAT),
                ("candidates", List(8, LISTED)), ("user_data", Blob(128)))
GONE = Layout("gone", ("identity", KEY), ("epoch", U64), ("reason", U16))

# First byte: name, least, most, whether the version stands behind it, whether the magic does.
FRAMES = {
    0x04: ("BIND", 1200, 1200, True, True), 0x05: ("COOKIE", 248, 248, True, True),
    0x06: ("REGISTER", 1200, 1200, True, True), 0x07: ("REGISTERED", 215, 1200, True, False),
    0x08: ("REFUSED", 56, 128, True, False), 0x09: ("CTRL", 30, 1200, False, False),
    0x0a: ("HELLO", 264, 404, True, False), 0x0b: ("DATA", 26, 1200, False, False),
    0x0c: ("RELAY", 47, 1200, False, False), 0x0e: ("UNKNOWN", 16, 16, True, False),
}


def frame_of(data):
    """The first look: type, length, version, magic."""
    if not data or data[0] not in FRAMES:
        raise Malformed("no frame of ours")
    name, least, most, has_version, has_magic = FRAMES[data[0]]
    if not least <= len(data) <= most or (has_version and data[1] != 1):
        raise Malformed("length or version")
    if has_magic and data[4:8] != b"TRY1":
        raise Malformed("magic")
    return name


def signed(domain, *parts):
    return domain.ljust(16, b"\0") + b"".join(parts)


def subkey(size, number, context, key):
    return blake2b(size, context, key, b"", struct.pack("<Q", number))


def lane_nonce(lane, counter):
    return struct.pack("<IQ", lane, counter)


def unmasked(address, nonce):
    family, kind, port, ip = address
    size = 4 if family == 4 else 16
    ip = bytes(a ^ b for a, b in zip(ip[:size], nonce)) + ip[size:]
    return family, kind, port ^ int.from_bytes(nonce[:2], "little"), ip


def cookie_mac(key, time_s, address, app):
    family, _, port, ip = address
    return siphash128(key, struct.pack("<I", time_s) + ip + bytes([family]) +
                      struct.pack("<H", port) + app)


class Leg:
    """What one participant and the server share for traffic with another one."""

    def __init__(self, shared, ge, other):
        self.secret = blake2b(32, b"tryst1 relay", shared, ge)
        self.route = subkey(16, 1, b"trystrly", self.secret)[:6]
        keys = blake2b(32, b"tryst1 leg", self.secret,
                       other["identity"] + struct.pack("<Q", other["epoch"]))
        self.to_server, self.to_client = keys[:16], keys[16:]

    def relay(self, data, from_server):
        """The head of a RELAY, and what it carries."""
        head = RELAY.read(Cursor(data))
        key = self.to_client if from_server else self.to_server
        if siphash128(key, data[:13] + struct.pack("<H", len(data)))[:8] != head["tag"]:
            raise Forged("tag")
        if head["route"] != self.route:
            raise Malformed("route")
        return head, data[21:]


def entries_of(cursor):
    """(layout, value) of each entry up to the end of a page."""
    while cursor.at < len(cursor.data):
        kind = cursor.number(1)
        if kind not in (1, 2):
            raise Malformed("an entry")
        layout = MEMBER if kind == 1 else GONE
        value = layout.read(cursor)
        if kind == 1:
            record_verify(value["record"])
        yield layout, value


def items_of(body, from_server, from_peer=False):
    """The words of each item. Pings and pongs of peers, and pongs of servers, say more."""
    cursor = Cursor(body)
    while cursor.at < len(body):
        kind = cursor.number(1)
        content = Cursor(cursor.rest() if kind & 0x80 else cursor.take(cursor.number(2)))
        kind &= 0x7f
        if kind == 0:
            yield "padding{%d}" % len(content.data)
        elif kind == 1:
            yield "message{%s}" % content.data.decode()
        elif kind in ITEMS:
            yield ITEMS[kind].words(ITEMS[kind].read(content))
            if kind == 3 and from_server:
                yield ITEM_STATUS.words(ITEM_STATUS.read(content))
            if kind in (2, 3) and from_peer:
                more = ITEM_MARK if kind == 2 else ITEM_REPORT
                yield more.words(more.read(content))
            if kind == 6:
                yield from (layout.words(value) for layout, value in entries_of(content))


def record_bytes(record):
    """A record as it was on the wire."""
    return struct.pack("<BBHIIQ", *(record[name] for name in (
        "version", "flags", "reserved", "versions", "caps", "epoch"))) + b"".join(
            record[name] for name in ("session", "identity", "ge", "signature"))


def record_verify(record):
    verify(record["identity"], record["signature"],
           signed(b"tryst1 record", record_bytes(record)[:-64]))


class Pair:
    """The keys of two participants, from the view of one who has the secrets of both."""

    def __init__(self, records, secrets):
        order = sorted(records, key=lambda record: record["identity"])
        self.identities = [record["identity"] for record in order]
        self.th0 = blake2b(32, b"tryst1 pair.th0", b"", order[0]["session"] + b"".join(
            blake2b(32, b"tryst1 rec.hash", b"", record_bytes(record)) for record in order))
        shared = dh(secrets[0], records[1]["ge"])
        if shared != dh(secrets[1], records[0]["ge"]):
            raise Forged("the secrets are not those of the records")
        self.k0 = blake2b(32, b"tryst1 pair.k0", shared, self.th0 + bytes(32))
        self.hello_key = [subkey(32, 1 + role, b"trysthel", self.k0) for role in (0, 1)]
        self.hello_id = [subkey(16, 3 + role, b"trysthel", self.k0)[:8] for role in (0, 1)]
        self.gf = [None, None]
        self.index = [None, None]
        self.data_key = [None, None]

    def hello(self, data, f_secrets):
        head = HELLO_HEAD.read(Cursor(data))
        if head["id"] not in self.hello_id:
            raise Malformed("nobody's hello")
        role = self.hello_id.index(head["id"])
        body = HELLO_BODY.read(Cursor(xaead_open(self.hello_key[role], data[12:36], data[36:],
                                                 data[:36])))
        verify(self.identities[role], body["signature"], signed(
            b"tryst1 hello", self.th0, bytes([role]), struct.pack("<I", body["sequence"]),
            body["gf"], body["echo"], struct.pack("<I", body["index"])))
        self.gf[role], self.index[role] = body["gf"], body["index"]
        if None not in self.gf:
            self.derive([secret for gf in self.gf for secret in f_secrets
                         if dh_public(secret) == gf])
        return [HELLO_HEAD.words(head), HELLO_BODY.words(body)]

    def derive(self, secrets):
        shared = dh(secrets[0], self.gf[1])
        k1 = blake2b(32, b"tryst1 pair.k1", self.k0 + shared, self.th0 + self.gf[0] + self.gf[1])
        self.data_key = [subkey(32, 1 + role, b"trystdat", k1) for role in (0, 1)]

    def data(self, data):
        head = DATA_HEAD.read(Cursor(data))
        if head["index"] not in self.index:
            raise Malformed("nobody's data")
        role = 1 - self.index.index(head["index"])
        counter, is_single = head["counter"] & 0x7fffffff, head["counter"] >> 31
        body = aead_open(self.data_key[role], lane_nonce(0, counter), data[9:], data[:9])
        return [DATA_HEAD.words(head),
                *([f"message{{{body.decode()}}}"] if is_single else items_of(body, False, True))]

