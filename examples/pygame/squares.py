"""Two squares that two people steer, over trystd. The other may be examples/love.

    squares.py PIN [ROOM] [--auto]       PIN: the line that trystd prints

--auto steers by itself. A message is the text "X Y COLOUR": a place on a field of 1000 by 700, and one of the
colours below.
SPDX-License-Identifier: MIT
"""
import math
import os
import pathlib
import sys

import pygame

import tryst

COLOURS = (242, 115, 89), (89, 191, 242), (140, 217, 115), (242, 204, 89)
WIDTH, HEIGHT, SIZE, SPEED, RATE, FRAMES = 1000, 700, 70, 420, 20, 60
WINDOW, SCALE = (480, 400), 0.48
DARK, LIGHT, GREY = (20, 23, 31), (217, 222, 230), (128, 135, 148)
KEYS = {pygame.K_LEFT: (-1, 0), pygame.K_a: (-1, 0), pygame.K_RIGHT: (1, 0), pygame.K_d: (1, 0),
        pygame.K_UP: (0, -1), pygame.K_w: (0, -1), pygame.K_DOWN: (0, 1), pygame.K_s: (0, 1)}


class Other:
    """Another player's square: where it was told to be, and where it is shown."""

    def __init__(self):
        self.colour, self.x, self.y, self.to = 2, None, None, None

    def told(self, text):
        """Takes what it says of itself."""
        try:
            x, y, colour = (int(word) for word in text.split())
        except ValueError:
            return
        self.to, self.colour = (x, y), (colour - 1) % len(COLOURS) + 1
        if self.x is None:
            self.x, self.y = x, y

    def move(self, part):
        """Goes a part of the way, so that 20 places a second look smooth."""
        if self.to:
            self.x += (self.to[0] - self.x) * part
            self.y += (self.to[1] - self.y) * part


def identity():
    """The same player tomorrow: its key is kept in a file."""
    folder = pathlib.Path(os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share") / "tryst-squares"
    path = folder / "player.key"
    try:
        return tryst.Identity.load(path)
    except tryst.Error:
        folder.mkdir(parents=True, exist_ok=True)
        made = tryst.Identity()
        made.save(path)
        return made


class Game:
    """One player's side of it."""

    def __init__(self, client, auto, colour):
        self.client, self.auto, self.colour = client, auto, colour
        self.x, self.y, self.time, self.others = 500.0, 350.0, 0.0, {}
        self.since_told = self.since_said = 0.0
        self.status = "asking the server"

    def take(self, event):
        """Follows what happens."""
        kinds = tryst.EventType
        if event.type is kinds.REGISTERED:
            self.status = "waiting for another player"
        elif event.type in (kinds.CONNECTED, kinds.PATH):
            self.others.setdefault(event.peer, Other())
            self.status = f"connected directly to {event.address}, {event.rtt_us / 1000:.1f} ms"
        elif event.type is kinds.MESSAGE and event.peer in self.others:
            self.others[event.peer].told(event.data.decode(errors="replace"))
        elif event.type is kinds.LEFT:
            self.others.pop(event.peer, None)
            self.status = f"the other left: {event.reason.text}"
        elif event.type is kinds.REFUSED:
            self.status = f"refused: {event.text or event.reason.text}"
        elif event.type in (kinds.UNREACHABLE, kinds.SERVER_LOST):
            self.status = f"{event.type.text} ({event.stage.text}): {event.reason.text}"

    def steer(self, seconds):
        """Moves the own square."""
        if self.auto:
            turn = self.time + 2 * self.colour
            self.x, self.y = 465 + 300 * math.cos(turn), 315 + 220 * math.sin(turn)
            return
        held = pygame.key.get_pressed()
        ways = [way for key, way in KEYS.items() if held[key]]
        self.x = max(0, min(WIDTH - SIZE, self.x + sum(way[0] for way in ways) * SPEED * seconds))
        self.y = max(0, min(HEIGHT - SIZE, self.y + sum(way[1] for way in ways) * SPEED * seconds))

    def update(self, seconds):
        """One frame."""
        self.time += seconds
        self.since_told += seconds
        self.since_said += seconds
        self.steer(seconds)
        for event in self.client.events(0):
            self.take(event)
        if self.since_told >= 1 / RATE:
            self.since_told = 0.0
            for peer in self.others:
                self.client.send(peer, f"{self.x:.0f} {self.y:.0f} {self.colour}".encode())
        for other in self.others.values():
            other.move(min(1, seconds * 12))
            if self.auto and self.since_said >= 0.5 and other.to:
                self.since_said = 0.0
                print(f"own {self.colour} at {self.x:.0f} {self.y:.0f}, other {other.colour} at {other.x:.0f} "
                      f"{other.y:.0f}", flush=True)

    def draw(self, screen, font):
        """What is seen."""
        screen.fill(DARK)
        squares = [(other.x, other.y, other.colour, "") for other in self.others.values() if other.to]
        for x, y, colour, label in (*squares, (self.x, self.y, self.colour, "I")):
            place = pygame.Rect(x * SCALE, 30 + y * SCALE, SIZE * SCALE, SIZE * SCALE)
            pygame.draw.rect(screen, COLOURS[colour - 1], place, border_radius=5)
            text = font.render(label, True, DARK)
            screen.blit(text, text.get_rect(center=place.center))
        screen.blit(font.render(self.status, True, LIGHT), (10, 7))
        screen.blit(font.render("arrows or W A S D to move, Esc to leave", True, GREY), (10, WINDOW[1] - 24))
        pygame.display.flip()


def main(arguments):
    """Plays until the window is closed."""
    words = [word for word in arguments if word != "--auto"]
    pin = words[0] if words else os.environ.get("TRYST_SERVER", "")
    me = identity()
    pygame.init()
    pygame.display.set_caption("tryst: two squares (pygame)")
    screen = pygame.display.set_mode(WINDOW)
    font = pygame.font.Font(None, 22)
    clock = pygame.time.Clock()
    with tryst.Client(pin, app="squares", identity=me) as client:
        game = Game(client, "--auto" in arguments, me.public_key[0] % len(COLOURS) + 1)
        client.join(words[1] if len(words) > 1 else "squares")
        while True:
            for event in pygame.event.get():
                if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                    return
            game.update(clock.tick(FRAMES) / 1000)
            game.draw(screen, font)


if __name__ == "__main__":
    main(sys.argv[1:])
