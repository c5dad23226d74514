-- Two squares that two people steer, over trystd. The other may be examples/pygame/squares.py.
--
--     love examples/love PIN [ROOM] [--auto]       PIN: the line that trystd prints
--
-- LÖVE finds tryst.so (that of Lua 5.1) next to the .love file or in this folder. --auto steers by itself.
-- A message is the text "X Y COLOUR": a place on a field of 1000 by 700, and one of the colours below.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"

local COLOURS = { { 0.95, 0.45, 0.35 }, { 0.35, 0.75, 0.95 }, { 0.55, 0.85, 0.45 }, { 0.95, 0.8, 0.35 } }
local WIDTH, HEIGHT, SIZE, SPEED, RATE = 1000, 700, 70, 420, 20
local client, status, auto
local own = { x = 500, y = 350, colour = 1 }
local others = {} -- peer -> where it was told to be, and where it is shown
local since_told, since_said, time = 0, 0, 0

-- The same player tomorrow: its key is kept in LÖVE's own folder.
local function identity()
    local folder = love.filesystem.getSaveDirectory()
    love.filesystem.createDirectory("")
    local path = folder .. "/player.key"
    local kept = tryst.Identity.load(path)
    if not kept then
        kept = tryst.Identity()
        kept:save(path)
    end
    return kept
end

function love.load(arguments)
    local pin, room = os.getenv("TRYST_SERVER"), "squares"
    local words = {}
    for _, word in ipairs(arguments) do
        if word == "--auto" then
            auto = true
        else
            words[#words + 1] = word
        end
    end
    pin, room = words[1] or pin, words[2] or room
    love.graphics.setFont(love.graphics.newFont(15))
    local who = identity()
    own.colour = who:public_key():byte(1) % #COLOURS + 1
    local message
    client, message = tryst.Client(pin or "", { app = "squares", identity = who })
    status = client and "asking the server" or "no server: " .. message
    if client then
        client:join(room)
    end
end

local function take(event)
    local other = others[event.peer]
    if event.type == "registered" then
        status = "waiting for another player"
    elseif event.type == "connected" or event.type == "path" then
        others[event.peer] = other or { colour = 2 }
        status = ("connected directly to %s, %.1f ms"):format(tostring(event.address), (event.rtt_us or 0) / 1000)
    elseif event.type == "message" and other then
        local x, y, colour = event.data:match("^(%-?%d+) (%-?%d+) (%d)$")
        if x then
            other.to_x, other.to_y, other.colour = tonumber(x), tonumber(y), (tonumber(colour) - 1) % #COLOURS + 1
            other.x, other.y = other.x or other.to_x, other.y or other.to_y
        end
    elseif event.type == "left" then
        others[event.peer] = nil
        status = "the other left: " .. event.reason_text
    elseif event.type == "refused" then
        status = "refused: " .. (event.text or event.reason_text)
    elseif event.type == "unreachable" or event.type == "server-lost" then
        status = event.type .. " (" .. (event.stage or "") .. "): " .. (event.reason_text or "")
    end
end

local function steer(dt)
    local held, dx, dy = love.keyboard.isDown, 0, 0
    if auto then
        local turn = time + 2 * own.colour
        own.x, own.y = 465 + 300 * math.cos(turn), 315 + 220 * math.sin(turn)
        return
    end
    if held("left", "a") then dx = -1 elseif held("right", "d") then dx = 1 end
    if held("up", "w") then dy = -1 elseif held("down", "s") then dy = 1 end
    own.x = math.max(0, math.min(WIDTH - SIZE, own.x + dx * SPEED * dt))
    own.y = math.max(0, math.min(HEIGHT - SIZE, own.y + dy * SPEED * dt))
end

function love.update(dt)
    time, since_told, since_said = time + dt, since_told + dt, since_said + dt
    steer(dt)
    if not client then
        return
    end
    for event in client:events() do
        take(event)
    end
    if since_told >= 1 / RATE then
        since_told = 0
        for peer in pairs(others) do
            client:send(peer, ("%.0f %.0f %d"):format(own.x, own.y, own.colour))
        end
    end
    for _, other in pairs(others) do
        if other.x then -- towards where it was told to be, so that 20 a second look smooth
            local part = math.min(1, dt * 12)
            other.x, other.y = other.x + (other.to_x - other.x) * part, other.y + (other.to_y - other.y) * part
        end
    end
    if auto and since_said >= 0.5 then
        since_said = 0
        for _, other in pairs(others) do
            if other.x then
                print(("own %d at %.0f %.0f, other %d at %.0f %.0f"):format(own.colour, own.x, own.y, other.colour,
                    other.x, other.y))
                io.flush()
            end
        end
    end
end

local function square(place, label)
    local scale = love.graphics.getWidth() / WIDTH
    love.graphics.setColor(COLOURS[place.colour])
    love.graphics.rectangle("fill", place.x * scale, 30 + place.y * scale, SIZE * scale, SIZE * scale, 5, 5)
    love.graphics.setColor(0.08, 0.09, 0.12)
    love.graphics.printf(label, place.x * scale, 30 + (place.y + SIZE / 3) * scale, SIZE * scale, "center")
end

function love.draw()
    love.graphics.clear(0.08, 0.09, 0.12)
    for _, other in pairs(others) do
        if other.x then
            square(other, "")
        end
    end
    square(own, "I")
    love.graphics.setColor(0.85, 0.87, 0.9)
    love.graphics.print(status, 10, 7)
    love.graphics.setColor(0.5, 0.53, 0.58)
    love.graphics.print("arrows or W A S D to move, Esc to leave", 10, love.graphics.getHeight() - 24)
end

function love.keypressed(key)
    if key == "escape" then
        love.event.quit()
    end
end

function love.quit()
    if client then
        client:close()
    end
end
