-- Two squares that two people steer, over trystd. The other may play examples/pygame/squares.py.
--
--     love examples/love PIN [ROOM] [--name NAME] [--guest] [--auto]
--
-- PIN is the line that trystd prints; without it TRYST_SERVER is asked. --guest plays under a new key that
-- is not kept, so that one person can open two windows: a key that comes twice takes its own place. --auto
-- steers by itself, and says on standard output what it sees.
--
-- LÖVE finds tryst.so (the one built for Lua 5.1) in this folder; for a .love file made of it, in the folder
-- where LÖVE keeps the game's files (on Linux ~/.local/share/love/tryst-squares), or where it is started.
--
-- What the two tell each other, all of it text:
--   when they join     "COLOUR NAME"  1 to 6, a row of the table below; 1 to 12 characters
--   20 times a second  "TICK X Y"     whole numbers. TICK grows with each message, as an older one may come
--                                     late; X Y is the upper left corner, on a field of 1000 by 700
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local utf8 = require "utf8"

local COLOURS = {
    { 0.95, 0.45, 0.35 }, { 0.35, 0.75, 0.95 }, { 0.55, 0.85, 0.45 },
    { 0.95, 0.80, 0.35 }, { 0.70, 0.55, 0.95 }, { 0.95, 0.55, 0.75 },
}
local DARK, FIELD, LINE = { 0.06, 0.07, 0.10 }, { 0.10, 0.11, 0.15 }, { 0.14, 0.16, 0.21 }
local LIGHT, GREY = { 0.87, 0.89, 0.92 }, { 0.53, 0.56, 0.62 }
local GOOD, WAITING, BAD = COLOURS[3], COLOURS[4], COLOURS[1]
local WIDTH, HEIGHT, SIZE, SPEED, RATE, TRAIL = 1000, 700, 70, 420, 20, 14
local TOP, SCALE = 32, 0.48 -- of the field in the window

local client, auto
local own = { tick = 0, trail = {}, name = "player" }
local others = {} -- peer -> name, colour, way; where it said it is (to_x, to_y), and is shown (x, y)
local is_registered, trouble, gone = false, nil, nil
local since_told, since_said, last_said = 0, 0, nil

-- A name that can be shown, or nil: strangers may send any bytes, and LÖVE draws nothing but text.
local function proper(name)
    local count = name and not name:find("[%c\127]") and not name:find("\237[\160-\191]") and utf8.len(name)
    return count and count >= 1 and count <= 12 and name or nil
end

-- The same player tomorrow: the key is kept in LÖVE's folder for the game.
local function identity(is_guest)
    local path = love.filesystem.getSaveDirectory() .. "/player.key"
    if is_guest then
        return tryst.Identity()
    elseif love.filesystem.getInfo("player.key") then
        return assert(tryst.Identity.load(path))
    end
    local made = tryst.Identity()
    love.filesystem.createDirectory("")
    assert(made:save(path))
    return made
end

-- Pin, room, name and whether this is a guest, of the command line.
local function read(arguments)
    local pin, room, is_guest = os.getenv("TRYST_SERVER"), "squares", false
    local name, wants_name = os.getenv("USER"), false
    for _, word in ipairs(arguments) do
        if wants_name then
            name, wants_name = word, false
        elseif word == "--name" then
            wants_name = true
        elseif word == "--auto" then
            auto = true
        elseif word == "--guest" then
            is_guest = true
        elseif word:find("#", 1, true) then
            pin = word
        else
            room = word
        end
    end
    return pin, room, proper(name) or "player", is_guest
end

function love.load(arguments)
    love.graphics.setFont(love.graphics.newFont(14))
    local pin, room, name, is_guest = read(arguments)
    local me = identity(is_guest)
    own.name, own.colour = name, me:public_key():byte(1) % #COLOURS + 1
    own.x, own.y = 70 + 130 * (own.colour - 1), 315 -- so that two rarely start at one place
    if not pin then
        trouble = "no server: love examples/love PIN [ROOM]"
        return
    end
    local message
    client, message = tryst.Client(pin, { app = "squares", identity = me })
    if client then
        local joined, why = client:join(room, own.colour .. " " .. own.name)
        message = not joined and why
    end
    trouble = message and "no server: " .. message or nil
end

-- Why something failed, in words that can be shown.
local function why(event)
    local words = event.text or event.reason_text or event.stage or "unknown"
    return utf8.len(words) and words or event.reason_text or "unknown"
end

local function take(event)
    local kind, other = event.type, others[event.peer or 0]
    if kind == "registered" or kind == "server-back" then
        is_registered, trouble = true, nil
    elseif kind == "refused" then
        trouble = "refused: " .. why(event)
    elseif kind == "server-lost" then
        is_registered, trouble = false, "the server is silent: " .. why(event)
    elseif kind == "joined" then
        local colour, called = event.data:match("^([1-6]) (.+)$")
        others[event.peer] = { name = proper(called) or "somebody", colour = tonumber(colour) or 1 }
        others[event.peer].tick, others[event.peer].trail = 0, {}
    elseif not other then
        return
    elseif kind == "connected" or kind == "path" then
        local how = event.path == "direct" and "directly" or "by a relay"
        local trip_ms = (event.rtt_us or 0) / 1000
        other.way = ("connected %s to %s, %.1f ms"):format(how, tostring(event.address), trip_ms)
    elseif kind == "unreachable" then
        other.way, other.why = nil, "cannot reach " .. other.name .. ": " .. why(event)
    elseif kind == "left" then
        others[event.peer] = nil
        gone = other.name .. " left: " .. why(event)
    elseif kind == "message" then
        local tick, x, y = event.data:match("^(%d+) (%d+) (%d+)$")
        tick, x, y = tonumber(tick), tonumber(x), tonumber(y)
        if tick and tick > other.tick and x <= WIDTH - SIZE and y <= HEIGHT - SIZE then
            other.tick, other.to_x, other.to_y = tick, x, y
            other.x, other.y = other.x or x, other.y or y
        end
    end
end

-- How things stand in words, and the colour of the dot before them.
local function status()
    local waits = gone
    for _, other in pairs(others) do
        if other.way then
            return other.way, GOOD
        end
        waits = other.why or "looking for a way to " .. other.name
    end
    if trouble then
        return trouble, BAD
    elseif waits then
        return waits, WAITING
    end
    return is_registered and "waiting for another player" or "waiting for the server", WAITING
end

local function steer(dt)
    if auto then -- by the clock and the colour: two on one machine stay apart
        local turn = tryst.clock() + own.colour * math.pi / 3
        own.x, own.y = 465 + 300 * math.cos(turn), 315 + 220 * math.sin(turn)
        return
    end
    local function held(...)
        return love.keyboard.isDown(...) and 1 or 0
    end
    local dx, dy = held("right", "d") - held("left", "a"), held("down", "s") - held("up", "w")
    local step = SPEED * dt * (dx ~= 0 and dy ~= 0 and math.sqrt(0.5) or 1)
    own.x = math.max(0, math.min(WIDTH - SIZE, own.x + dx * step))
    own.y = math.max(0, math.min(HEIGHT - SIZE, own.y + dy * step))
end

local function leave_trail(place)
    table.insert(place.trail, 1, { place.x, place.y })
    place.trail[TRAIL + 1] = nil
end

local function tell()
    own.tick = own.tick + 1
    leave_trail(own)
    for peer, other in pairs(others) do
        if other.way then -- what cannot be sent is lost: the next one tells it
            client:send(peer, ("%d %.0f %.0f"):format(own.tick, own.x, own.y))
        end
        if other.x then
            leave_trail(other)
        end
    end
end

-- What the eye would see, for who looks at standard output.
local function say(is_time)
    local words = status()
    if words ~= last_said then
        last_said = words
        print("status: " .. words)
    end
    for _, other in pairs(others) do
        if other.x and is_time then
            local where = "own %.0f %.0f, %s %d %.0f %.0f"
            print(where:format(own.x, own.y, other.name, other.colour, other.x, other.y))
        end
    end
    io.flush()
end

function love.update(dt)
    since_told, since_said = since_told + dt, since_said + dt
    steer(dt)
    if client then
        if since_told >= 1 / RATE then
            since_told = since_told % (1 / RATE)
            tell()
        end
        for event in client:events() do
            take(event)
        end
    end
    for _, other in pairs(others) do
        if other.x then -- towards where it was told to be, so that 20 places a second look smooth
            local part = 1 - math.exp(-12 * dt)
            other.x = other.x + (other.to_x - other.x) * part
            other.y = other.y + (other.to_y - other.y) * part
        end
    end
    if auto then
        say(since_said >= 0.25)
        since_said = since_said % 0.25
    end
end

local function draw_square(place, is_own)
    local r, g, b = unpack(COLOURS[place.colour])
    for i = #place.trail, 1, -1 do
        local side = SIZE * SCALE * (1 - i / (TRAIL + 4))
        local middle_x, middle_y = place.trail[i][1] + SIZE / 2, place.trail[i][2] + SIZE / 2
        love.graphics.setColor(r, g, b, 0.16 * (1 - i / (TRAIL + 1)))
        local x, y = middle_x * SCALE - side / 2, TOP + middle_y * SCALE - side / 2
        love.graphics.rectangle("fill", x, y, side, side, 4, 4)
    end
    local side = math.floor(SIZE * SCALE)
    local x, y = math.floor(place.x * SCALE), TOP + math.floor(place.y * SCALE)
    love.graphics.setColor(r, g, b)
    love.graphics.rectangle("fill", x, y, side, side, 5, 5)
    love.graphics.printf(place.name, x - 60, y > TOP + 20 and y - 20 or y + side + 3, side + 120, "center")
    if is_own then
        love.graphics.setColor(LIGHT)
        love.graphics.setLineWidth(2)
        love.graphics.rectangle("line", x, y, side, side, 5, 5)
    end
end

function love.draw()
    local window_width, window_height = love.graphics.getDimensions()
    love.graphics.clear(DARK)
    love.graphics.setColor(FIELD)
    love.graphics.rectangle("fill", 0, TOP, WIDTH * SCALE, HEIGHT * SCALE)
    love.graphics.setColor(LINE)
    for at = 100, WIDTH - 100, 100 do
        love.graphics.rectangle("fill", at * SCALE, TOP, 1, HEIGHT * SCALE)
        if at < HEIGHT then
            love.graphics.rectangle("fill", 0, TOP + at * SCALE, WIDTH * SCALE, 1)
        end
    end
    for _, other in pairs(others) do
        if other.x then
            draw_square(other)
        end
    end
    draw_square(own, true)
    local words, colour = status()
    love.graphics.setColor(colour)
    love.graphics.circle("fill", 16, TOP / 2, 5)
    love.graphics.setColor(LIGHT)
    love.graphics.print(words, 30, 7)
    love.graphics.setColor(GREY)
    love.graphics.print("arrows or W A S D: move     Esc: leave", 10, window_height - 24)
    love.graphics.printf("LÖVE", 0, window_height - 24, window_width - 10, "right")
end

function love.keypressed(key)
    if key == "escape" then
        love.event.quit()
    end
end

function love.quit()
    if client then
        client:close() -- the other is told
    end
end
