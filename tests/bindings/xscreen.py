"""Windows nobody sees: an X server of our own for each game, and what is on its screen.

SPDX-License-Identifier: MIT
"""
import collections
import itertools
import os
import select
import shutil
import struct
import subprocess
import tempfile
import zlib

WIDTH, HEIGHT = 480, 400
GAP, GAP_COLOUR = 8, b"\x60\x66\x72"  # between two screens in one picture
START_S = 10


class Screen:
    """One Xvfb, whose frame buffer is a file. Games reach it by the socket's path, as abstract sockets
    belong to one network namespace."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tryst-screen-")
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "Xvfb", "-displayfd", str(writer), "-screen", "0",
             f"{WIDTH}x{HEIGHT}x24", "-fbdir", self.folder, "-nolisten", "tcp"],
            pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            number = file.readline().strip() if select.select([file], [], [], START_S)[0] else ""
        if not number:
            self.close()
            raise AssertionError("Xvfb does not start")
        self.display = f":{number}"

    def close(self):
        """Ends the server."""
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, home):
        """What a game needs to draw on it, without a graphics card or a sound card."""
        return {"DISPLAY": self.display, "HOME": home, "XDG_DATA_HOME": f"{home}/.local/share",
                "SDL_AUDIODRIVER": "dummy", "LIBGL_ALWAYS_SOFTWARE": "1", "SDL_VIDEODRIVER": "x11",
                "XDG_RUNTIME_DIR": home, "PYGAME_HIDE_SUPPORT_PROMPT": "1"}

    def rows(self):
        """The picture: bytes of red, green, blue for each row. An XWD file is a head and BGRX pixels."""
        with open(f"{self.folder}/Xvfb_screen0", "rb") as file:
            data = file.read()
        head = struct.unpack(">25I", data[:100])
        start, stride = head[0] + 12 * head[19], head[12]
        for row in range(HEIGHT):
            line = data[start + row * stride:start + row * stride + 4 * WIDTH]
            pixels = bytearray(3 * WIDTH)
            pixels[0::3], pixels[1::3], pixels[2::3] = line[2::4], line[1::4], line[0::4]
            yield bytes(pixels)

    def colours(self, upper=HEIGHT):
        """How many pixels there are of each (red, green, blue), in so many of the upper rows."""
        return collections.Counter(pixel for row in itertools.islice(self.rows(), upper)
                                   for pixel in zip(*3 * [iter(row)]))


def count(colours, wanted, slack=4):
    """How many of these pixels have about the wanted colour."""
    return sum(number for colour, number in colours.items()
               if all(abs(one - other) <= slack for one, other in zip(colour, wanted)))


def write_png(path, screens):
    """The screens side by side."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = [b"\0" + (GAP * GAP_COLOUR).join(parts) for parts in zip(*(screen.rows() for screen in screens))]
    head = struct.pack(">IIBBBBB", (len(lines[0]) - 1) // 3, HEIGHT, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head))
        file.write(chunk(b"IDAT", zlib.compress(b"".join(lines), 9)) + chunk(b"IEND", b""))
