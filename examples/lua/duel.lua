-- Two players on a field, 20 times a second: each tells the other where it is.
--
--     lua duel.lua PIN ROOM [SECONDS]      PIN: the line that trystd prints
--
-- A message is the text "X Y", two whole numbers. The duel in Python says the same, so the two can play.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local pin, room, seconds = arg[1], arg[2], tonumber(arg[3]) or math.huge
local rate, start, told = 20, tryst.clock(), nil
local peers = {}

local function say(...)
    print(string.format(...))
    io.flush()
end

local client = assert(tryst.Client(pin, { app = "duel" }))
assert(client:join(room))
while tryst.clock() - start < seconds do
    local now = tryst.clock() - start
    for peer in pairs(peers) do
        client:send(peer, string.format("%.0f %.0f", 50 + 40 * math.cos(now), 50 + 40 * math.sin(now)))
    end
    for event in client:events(1 / rate) do
        if event.type == "connected" then
            say("met a player at %s", tostring(event.address))
            peers[event.peer] = true
        elseif event.type == "message" and event.data ~= told then
            told = event.data
            say("the other is at %s", told)
        elseif event.type == "left" then
            say("the other left: %s", event.reason_text)
            peers[event.peer] = nil
        elseif event.type == "refused" or event.type == "unreachable" then
            say("%s: %s", event.type, event.text or event.reason_text)
        end
    end
end
client:close()
