"""Two squares that two people steer, over trystd. The other may play examples/love.

    squares.py PIN [ROOM] [--name NAME] [--guest] [--auto]

PIN is the line that trystd prints; without it TRYST_SERVER is asked. --guest plays under a new key that
is not kept, so that one person can open two windows: a key that comes twice takes its own place. --auto
steers by itself, and says on standard output what it sees.

What the two tell each other is text, described in the first lines of examples/love/main.lua:
"COLOUR NAME" when they join, then "TICK X Y" 20 times a second.

SPDX-License-Identifier: MIT
"""
import argparse
import contextlib
import math
import os
import pathlib
import re
import sys
import time

import pygame

import tryst

COLOURS = (242, 115, 89), (89, 191, 242), (140, 217, 115), (242, 204, 89), (178, 140, 242), (242, 140, 191)
DARK, FIELD, LINE, LIGHT, GREY = (15, 18, 26), (26, 28, 38), (36, 41, 54), (222, 227, 235), (135, 143, 158)
GOOD, WAITING, BAD = COLOURS[2], COLOURS[3], COLOURS[0]
WIDTH, HEIGHT, SIZE, SPEED, RATE, TRAIL, FRAMES = 1000, 700, 70, 420, 20, 14, 60
WINDOW, TOP, SCALE = (480, 400), 32, 0.48  # where the field is in the window
LEFT, RIGHT = (pygame.K_LEFT, pygame.K_a), (pygame.K_RIGHT, pygame.K_d)
UP, DOWN = (pygame.K_UP, pygame.K_w), (pygame.K_DOWN, pygame.K_s)
Kind = tryst.EventType


class Square:
    """One player: who it is, where it is shown, and where it was a moment ago."""

    def __init__(self, name, colour):
        self.name, self.colour = name, colour
        self.x = self.y = None
        self.trail = []

    def leave_trail(self):
        """Remembers where it is."""
        self.trail = [(self.x, self.y), *self.trail[:TRAIL - 1]]


class Other(Square):
    """Another player: where it said it is, and the way to it."""

    def __init__(self, data):
        words = re.fullmatch(rb"([1-6]) (.+)", data)
        super().__init__(words and proper(words[2].decode(errors="replace")) or "somebody",
                         int(words[1]) if words else 1)
        self.tick, self.to, self.way, self.why = 0, None, None, None

    def told(self, data):
        """Takes what it says of itself; strangers may send any bytes."""
        numbers = re.fullmatch(rb"(\d{1,10}) (\d{1,4}) (\d{1,4})", data)
        tick, x, y = map(int, numbers.groups()) if numbers else (0, 0, 0)
        if tick > self.tick and x <= WIDTH - SIZE and y <= HEIGHT - SIZE:
            self.tick, self.to = tick, (x, y)
            if self.x is None:
                self.x, self.y = x, y

    def move(self, seconds):
        """Goes towards where it was told to be, so that 20 places a second look smooth."""
        if self.to:
            part = 1 - math.exp(-12 * seconds)
            self.x += (self.to[0] - self.x) * part
            self.y += (self.to[1] - self.y) * part


def proper(name):
    """A name that can be shown, or None."""
    return name if 1 <= len(name) <= 12 and name.isprintable() and "\ufffd" not in name else None


def identity(is_guest):
    """The same player tomorrow: the key is kept in a file."""
    data = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    path = pathlib.Path(data) / "tryst-squares" / "player.key"
    if is_guest:
        return tryst.Identity()
    if path.exists():
        return tryst.Identity.load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = tryst.Identity()
    made.save(path)
    return made


class Game:
    """What one player knows and does."""

    def __init__(self, client, own, is_auto):
        self.client, self.own, self.is_auto = client, own, is_auto
        self.tick = 0
        own.x, own.y = 70 + 130 * (own.colour - 1), 315  # so that two rarely start at one place
        self.others = {}  # by peer
        self.is_registered, self.trouble, self.gone = False, None, None
        self.since_told = self.since_said = 0.0
        self.last_said = None

    def take(self, event):
        """Follows what happens."""
        other = self.others.get(event.peer)
        if event.type in (Kind.REGISTERED, Kind.SERVER_BACK):
            self.is_registered, self.trouble = True, None
        elif event.type is Kind.REFUSED:
            self.trouble = f"refused: {event.text or event.reason.text}"
        elif event.type is Kind.SERVER_LOST:
            self.is_registered, self.trouble = False, f"the server is silent: {event.reason.text}"
        elif event.type is Kind.JOINED:
            self.others[event.peer] = Other(event.data)
        elif other and event.type in (Kind.CONNECTED, Kind.PATH):
            how = "directly" if event.path is tryst.PathType.DIRECT else "by a relay"
            other.way = f"connected {how} to {event.address}, {event.rtt_us / 1000:.1f} ms"
        elif other and event.type is Kind.UNREACHABLE:
            other.way, other.why = None, f"cannot reach {other.name}: {event.reason.text}"
        elif other and event.type is Kind.LEFT:
            del self.others[event.peer]
            self.gone = f"{other.name} left: {event.reason.text}"
        elif other and event.type is Kind.MESSAGE:
            other.told(event.data)

    def status(self):
        """How things stand in words, and the colour of the dot before them."""
        waits = self.gone
        for other in self.others.values():
            if other.way:
                return other.way, GOOD
            waits = other.why or f"looking for a way to {other.name}"
        if self.trouble:
            return self.trouble, BAD
        server = "waiting for another player" if self.is_registered else "waiting for the server"
        return waits or server, WAITING

    def steer(self, seconds):
        """Moves the own square."""
        own = self.own
        if self.is_auto:  # by the clock and the colour: two on one machine stay apart
            turn = time.monotonic() + own.colour * math.pi / 3
            own.x, own.y = 465 + 300 * math.cos(turn), 315 + 220 * math.sin(turn)
            return
        held = pygame.key.get_pressed()
        dx, dy = (any(held[key] for key in more) - any(held[key] for key in less)
                  for more, less in ((RIGHT, LEFT), (DOWN, UP)))
        step = SPEED * seconds * (math.sqrt(0.5) if dx and dy else 1)
        own.x = max(0, min(WIDTH - SIZE, own.x + dx * step))
        own.y = max(0, min(HEIGHT - SIZE, own.y + dy * step))

    def tell(self):
        """Says where the own square is."""
        self.tick += 1
        self.own.leave_trail()
        for peer, other in self.others.items():
            if other.way:
                with contextlib.suppress(tryst.NotConnectedError):  # it is lost: the next one tells it
                    self.client.send(peer, f"{self.tick} {self.own.x:.0f} {self.own.y:.0f}".encode())
            if other.to:
                other.leave_trail()

    def say(self, is_time):
        """What the eye would see, for who looks at standard output."""
        words, _ = self.status()
        if words != self.last_said:
            self.last_said = words
            print(f"status: {words}", flush=True)
        for other in self.others.values():
            if other.to and is_time:
                print(f"own {self.own.x:.0f} {self.own.y:.0f}, {other.name} {other.colour} {other.x:.0f} "
                      f"{other.y:.0f}", flush=True)

    def update(self, seconds):
        """One frame."""
        self.since_told += seconds
        self.since_said += seconds
        self.steer(seconds)
        if self.since_told >= 1 / RATE:
            self.since_told %= 1 / RATE
            self.tell()
        for event in self.client.events():
            self.take(event)
        for other in self.others.values():
            other.move(seconds)
        if self.is_auto:
            self.say(self.since_said >= 0.25)
            self.since_said %= 0.25


def draw_square(screen, font, square, is_own=False):
    """One player, its name and where it comes from."""
    colour = COLOURS[square.colour - 1]
    for i, (x, y) in reversed(list(enumerate(square.trail, 1))):
        place = pygame.Rect(0, 0, *2 * [SIZE * SCALE * (1 - i / (TRAIL + 4))])
        place.center = (x + SIZE / 2) * SCALE, TOP + (y + SIZE / 2) * SCALE
        faint = pygame.Surface(place.size, pygame.SRCALPHA)
        pygame.draw.rect(faint, (*colour, int(41 * (1 - i / (TRAIL + 1)))), faint.get_rect(), border_radius=4)
        screen.blit(faint, place)
    place = pygame.Rect(square.x * SCALE, TOP + int(square.y * SCALE), SIZE * SCALE, SIZE * SCALE)
    pygame.draw.rect(screen, colour, place, border_radius=5)
    if is_own:
        pygame.draw.rect(screen, LIGHT, place, width=2, border_radius=5)
    name = font.render(square.name, True, colour)
    is_below = place.top <= TOP + 20
    screen.blit(name, name.get_rect(centerx=place.centerx,
                                    **{"top": place.bottom + 4} if is_below else {"bottom": place.top - 4}))


def draw(screen, font, game):
    """The whole window."""
    screen.fill(DARK)
    field = pygame.Rect(0, TOP, WIDTH * SCALE, HEIGHT * SCALE)
    screen.fill(FIELD, field)
    for at in range(100, WIDTH, 100):
        screen.fill(LINE, (at * SCALE, TOP, 1, field.height))
        if at < HEIGHT:
            screen.fill(LINE, (0, TOP + at * SCALE, field.width, 1))
    for other in game.others.values():
        if other.to:
            draw_square(screen, font, other)
    draw_square(screen, font, game.own, is_own=True)
    words, colour = game.status()
    pygame.draw.circle(screen, colour, (16, TOP // 2), 5)
    screen.blit(font.render(words, True, LIGHT), (30, 9))
    screen.blit(font.render("arrows or W A S D: move     Esc: leave", True, GREY), (10, WINDOW[1] - 23))
    kind = font.render("pygame", True, GREY)
    screen.blit(kind, kind.get_rect(topright=(WINDOW[0] - 10, WINDOW[1] - 23)))
    pygame.display.flip()


def wants_to_leave(event):
    """Whether the window is closed, or Escape pressed."""
    return event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)


def play(client, own, is_auto):
    """Plays until the player leaves."""
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption("tryst: two squares (pygame)")
    screen, font = pygame.display.set_mode(WINDOW), pygame.font.Font(None, 21)
    game, clock = Game(client, own, is_auto), pygame.time.Clock()
    while not any(wants_to_leave(event) for event in pygame.event.get()):
        game.update(clock.tick(FRAMES) / 1000)
        draw(screen, font, game)


def main():
    """Reads what is asked for."""
    parser = argparse.ArgumentParser(description="Two squares that two people steer, over trystd.",
                                     usage="squares.py PIN [ROOM] [--name NAME] [--guest] [--auto]")
    parser.add_argument("words", nargs="*", metavar="PIN", help="the line that trystd prints")
    parser.add_argument("--name")
    parser.add_argument("--guest", action="store_true", help="play under a new key that is not kept")
    parser.add_argument("--auto", action="store_true", help="the square steers itself")
    asked = parser.parse_args()
    pins = [word for word in asked.words if "#" in word] or [os.environ.get("TRYST_SERVER")]
    rooms = [word for word in asked.words if "#" not in word] or ["squares"]
    if not pins[-1]:
        parser.error("which server? PIN is the line that trystd prints")
    me = identity(asked.guest)
    name = proper(asked.name or os.environ.get("USER", "")) or "player"
    own = Square(name, me.public_key[0] % len(COLOURS) + 1)
    with tryst.Client(pins[-1], app="squares", identity=me) as client:
        client.join(rooms[-1], f"{own.colour} {own.name}".encode())
        play(client, own, asked.auto)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except (tryst.Error, pygame.error) as error:
        sys.exit(f"squares: {error}")
