#!/usr/bin/env python3
"""trystd over TCP, as a client would speak it that was written from docs/PROTOCOL.md: plain, and as a
WebSocket with and without TLS; and what is refused.

SPDX-License-Identifier: MIT
"""
import base64
import hashlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

from programs import PATIENCE_S, TRYSTD, Case, run_all

LISTENING = re.compile(r"event=listening address=tcp:(127\.0\.0\.1):(\d+)")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NONCE = bytes(range(16))
NODE = """
const socket = new WebSocket(process.argv[1], 'tryst.1');
socket.binaryType = 'arraybuffer';
socket.onopen = () => socket.send(Buffer.from(process.argv[2], 'hex'));
socket.onmessage = (message) => {
    console.log(socket.protocol, Buffer.from(message.data).toString('hex'));
    socket.close();
};
socket.onerror = (event) => { console.log('error', event.message); process.exit(1); };
"""


def bind():
    """docs/PROTOCOL.md: BIND, 1,200 bytes."""
    return (b"\x04\x01\0\0TRY1" + b"testtest" + NONCE).ljust(1200, b"\0")


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            raise EOFError(f"the server closed after {len(data)} of {size} bytes")
        data += piece
    return data


class Plain:
    """Each datagram behind two bytes of size."""

    def __init__(self, stream):
        self.stream = stream

    def send(self, datagram):
        self.stream.sendall(struct.pack(">H", len(datagram)) + datagram)

    def receive(self):
        size, = struct.unpack(">H", read_exactly(self.stream, 2))
        return read_exactly(self.stream, size)


class WebSocket:
    """RFC 6455 by hand."""

    def __init__(self, stream, path="/tryst", protocol="tryst.1"):
        self.stream = stream
        key = base64.b64encode(os.urandom(16))
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                       f"Connection: Upgrade\r\nSec-WebSocket-Key: {key.decode()}\r\n"
                       f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
                       .encode())
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += read_exactly(stream, 1)
        self.accept = base64.b64encode(hashlib.sha1(key + GUID).digest())

    def send(self, datagram, opcode=2):
        mask = os.urandom(4)
        size = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, len(datagram)) \
            if len(datagram) > 125 else struct.pack(">BB", 0x80 | opcode, 0x80 | len(datagram))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(datagram))
        self.stream.sendall(size + mask + masked)

    def receive(self):
        first, size = read_exactly(self.stream, 2)
        self.opcode = first & 0xf
        if size == 126:
            size, = struct.unpack(">H", read_exactly(self.stream, 2))
        return read_exactly(self.stream, size)


class Streams(Case):
    def start_tcp(self, *arguments, listen_tcp="127.0.0.1:0", settings=""):
        if settings:
            arguments += ("--config", self.write("trystd.ini", settings))
        server = self.start_server("--listen-tcp", listen_tcp, *arguments)
        line = server.wait_line("err", "address=tcp:")
        server.tcp = (LISTENING.search(line).group(1), int(LISTENING.search(line).group(2)))
        return server

    def need_tls(self):
        """A build without TLS has no WebSocket either."""
        done = self.run_to_end(TRYSTD, "--state", self.path("ask"), "--listen", "127.0.0.1:0",
                               "--tls-certificate", "/nowhere", "--tls-key", "/nowhere")
        if "without TLS" in done.stderr:
            self.skipTest("a build without TLS")

    def connect(self, server, buffer=0):
        """buffer: bytes that the kernel takes for us at most; it must know before it promises more."""
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if buffer:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        stream.settimeout(PATIENCE_S)
        stream.connect(server.tcp)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(stream.close)
        return stream

    def connect_tls(self, server):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stream = context.wrap_socket(self.connect(server), server_hostname="localhost")
        self.addCleanup(stream.close)
        return stream

    def stats(self, server):
        """The counters as they are now."""
        before = len(server.lines["err"])
        server.signal(signal.SIGUSR1)
        line = server.wait_for(lambda: next(
            (l for l in server.lines["err"][before:] if "event=stats" in l), None), "stats")
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)(?= |$)", line)}

    def wait_stats(self, server, **wanted):
        end = time.monotonic() + PATIENCE_S
        while True:
            stats = self.stats(server)
            if all(stats[key] == value for key, value in wanted.items()):
                return stats
            self.assertLess(time.monotonic(), end, stats)
            time.sleep(0.1)

    def ask(self, tunnel):
        """BIND is answered with a COOKIE that has the nonce."""
        tunnel.send(bind())
        cookie = tunnel.receive()
        self.assertEqual((len(cookie), cookie[:2], cookie[4:24]), (248, b"\x05\x01", b"TRY1" + NONCE))
        return cookie

    def closed_after(self, stream):
        start = time.monotonic()
        try:
            while stream.recv(4096):
                pass
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        return time.monotonic() - start

    def test_plain(self):
        server = self.start_tcp()
        stream = self.connect(server)
        for _ in range(3):
            cookie = self.ask(Plain(stream))
        # The address that was seen, masked with the nonce: the connection's own.
        ip, port = stream.getsockname()
        self.assertEqual(struct.unpack("<H", cookie[46:48])[0] ^ struct.unpack("<H", NONCE[:2])[0], port)
        self.assertEqual(bytes(a ^ b for a, b in zip(cookie[48:52], NONCE)), socket.inet_aton(ip))
        stats = self.stats(server)
        self.assertEqual((stats["streams"], stats["stream_accepted"], stats["binds"]), (1, 1, 3))
        stream.close()
        self.wait_stats(server, streams=0)

    def test_a_byte_at_a_time_and_many_at_once(self):
        server = self.start_tcp()
        tunnel = Plain(self.connect(server))
        framed = b"\x04\xb0" + bind()
        for byte in framed:
            tunnel.stream.sendall(bytes([byte]))
        self.assertEqual(len(tunnel.receive()), 248)
        tunnel.stream.sendall(framed * 20)
        for _ in range(20):
            self.assertEqual(len(tunnel.receive()), 248)

    def test_websocket(self):
        self.need_tls()
        server = self.start_tcp()
        tunnel = WebSocket(self.connect(server))
        self.assertTrue(tunnel.head.startswith(b"HTTP/1.1 101 "), tunnel.head)
        self.assertIn(b"\r\nSec-WebSocket-Accept: " + tunnel.accept + b"\r\n", tunnel.head)
        self.assertIn(b"\r\nSec-WebSocket-Protocol: tryst.1\r\n", tunnel.head)
        self.ask(tunnel)
        tunnel.send(b"still there?", opcode=9)
        self.assertEqual((tunnel.receive(), tunnel.opcode), (b"still there?", 10))
        self.ask(tunnel)
        tunnel.send(struct.pack(">H", 1000), opcode=8)
        self.assertEqual((tunnel.receive(), tunnel.opcode), (struct.pack(">H", 1000), 8))
        self.assertLess(self.closed_after(tunnel.stream), 2)

    def test_websocket_in_tls(self):
        self.need_tls()
        server = self.start_tcp()
        stream = self.connect_tls(server)
        self.assertIn(stream.version(), ("TLSv1.2", "TLSv1.3"))
        tunnel = WebSocket(stream)
        self.assertTrue(tunnel.head.startswith(b"HTTP/1.1 101 "), tunnel.head)
        for _ in range(3):
            self.ask(tunnel)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0, server.lines["err"])

    def test_other_requests_are_refused(self):
        self.need_tls()
        server = self.start_tcp()
        for path, protocol, status in (("/", "tryst.1", b"404"), ("/tryst", "chat", b"400")):
            tunnel = WebSocket(self.connect(server), path, protocol)
            self.assertIn(b"HTTP/1.1 " + status, tunnel.head)
            self.assertLess(self.closed_after(tunnel.stream), 2)
        self.wait_stats(server, streams=0)

    def test_a_real_websocket_client(self):
        self.need_tls()
        server = self.start_tcp()
        for flags in ([], ["--experimental-websocket"]):
            try:
                done = self.run_to_end("node", *flags, "-e", NODE + "\n",
                                       f"ws://127.0.0.1:{server.tcp[1]}/tryst", bind().hex())
                tls = self.run_to_end("node", *flags, "-e", NODE + "\n",
                                      f"wss://127.0.0.1:{server.tcp[1]}/tryst", bind().hex(),
                                      env={**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0"})
            except (FileNotFoundError, subprocess.TimeoutExpired):
                break
            if "WebSocket is not defined" in done.stderr or "bad option" in done.stderr:
                continue
            for result in (done, tls):
                self.assertTrue(result.stdout.startswith("tryst.1 0501"), result)
                self.assertEqual(len(result.stdout.split()[1]), 2 * 248)
            return
        self.skipTest("no node with a WebSocket")

    def test_garbage_is_closed(self):
        server = self.start_tcp()
        for garbage in (b"\x80", b"SSH-2.0-x\r\n", b"\0\0", b"\x04\xb1", b"\x16\x03\x01\0\x05hello"):
            stream = self.connect(server)
            stream.sendall(garbage)
            self.assertLess(self.closed_after(stream), 2, garbage)
        self.wait_stats(server, streams=0, stream_accepted=5)

    def test_slow_ones_are_closed(self):
        self.need_tls()
        server = self.start_tcp()
        silent, slow_head, slow_tls, unproven, good = (self.connect(server) for _ in range(5))
        slow_head.sendall(b"GET /tryst HTTP/1.1\r\n")
        slow_tls.sendall(b"\x16\x03\x01")
        unproven.sendall(b"\x00\x01\x0b")
        self.ask(Plain(good))
        start = time.monotonic()
        for stream, least, most in ((silent, 4, 8), (slow_head, 4, 8), (slow_tls, 4, 8),
                                    (unproven, 9, 14)):
            self.closed_after(stream)
            self.assertTrue(least < time.monotonic() - start < most, time.monotonic() - start)
        self.ask(Plain(good))

    def test_connections_are_bounded(self):
        server = self.start_tcp(settings="[server]\ntcp_connections = 5\ntcp_per_address = 3\n")
        kept = [self.connect(server) for _ in range(3)]
        self.wait_stats(server, streams=3)
        over = self.connect(server)
        self.assertLess(self.closed_after(over), 2)
        for stream in kept:
            self.ask(Plain(stream))
        stats = self.stats(server)
        self.assertEqual((stats["streams"], stats["stream_refused"]), (3, 1))
        kept.pop().close()
        self.wait_stats(server, streams=2)
        self.ask(Plain(self.connect(server)))

    def test_all_connections_are_bounded(self):
        server = self.start_tcp(settings="[server]\ntcp_connections = 40\ntcp_per_address = 100\n")
        streams = [self.connect(server) for _ in range(40)]
        for stream in streams:
            self.ask(Plain(stream))
        self.assertLess(self.closed_after(self.connect(server)), 2)

    def test_who_does_not_read_costs_datagrams_not_memory(self):
        server = self.start_tcp()
        stream = self.connect(server, buffer=4096)  # else the kernel may take megabytes
        stream.settimeout(10)
        for _ in range(20):  # as many as it takes
            for _ in range(2000):
                stream.sendall(b"\x04\xb0" + bind())
            if self.stats(server)["drop_stream"] > 0:
                break
        self.assertGreater(self.stats(server)["drop_stream"], 0)
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            self.assertLess(int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)), 100000)
        self.ask(Plain(self.connect(server)))

    def test_streams_follow_udp_or_are_off(self):
        server = self.start_server()
        line = server.wait_line("err", "address=tcp:")
        self.assertEqual(LISTENING.search(line).group(2), re.search(r":(\d+)#", server.pin).group(1))
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        server = self.start_server("--listen-tcp", "none")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        self.assertFalse(any("tcp:" in line for line in server.lines["err"]), server.lines)

    def test_a_port_in_use_is_told(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        server = self.start_server("--listen-tcp", f"127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual(server.end(), 1)
        self.assertTrue(any("cannot listen on TCP" in line for line in server.lines["err"]))

    def make_certificate(self, name):
        done = self.run_to_end("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                               "-subj", f"/CN={name}", "-keyout", self.path("key.pem"),
                               "-out", self.path("cert.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("cert.pem"), encoding="ascii") as stream:
            return ssl.PEM_cert_to_DER_cert(stream.read())

    def test_a_certificate_of_ones_own_and_its_renewal(self):
        self.need_tls()
        try:
            first = self.make_certificate("first.example")
        except FileNotFoundError:
            self.skipTest("no openssl(1)")
        server = self.start_tcp("--tls-certificate", self.path("cert.pem"), "--tls-key",
                                self.path("key.pem"))
        early = self.connect(server)
        self.assertEqual(self.connect_tls(server).getpeercert(binary_form=True), first)
        second = self.make_certificate("second.example")
        server.signal(signal.SIGHUP)
        server.wait_line("err", "event=reloaded")
        self.assertEqual(self.connect_tls(server).getpeercert(binary_form=True), second)
        self.ask(Plain(early))
        self.write("cert.pem", "no certificate")
        server.signal(signal.SIGHUP)
        server.wait_line("err", "event=certificate-refused")
        self.assertEqual(self.connect_tls(server).getpeercert(binary_form=True), second)

    def test_wrong_tls_settings_are_told(self):
        done = self.run_to_end(TRYSTD, "--check-config", "--state", self.path("s"), "--tls-key", "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tls_certificate and tls_key", done.stderr)
        done = self.run_to_end(TRYSTD, "--state", self.path("s"), "--listen", "127.0.0.1:0",
                               "--tls-key", self.path("none"), "--tls-certificate", self.path("none"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot use TLS", done.stderr)


if __name__ == "__main__":
    run_all()
