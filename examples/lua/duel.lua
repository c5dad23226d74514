-- Two players on a field, 20 times a second: each tells the other where it is.
--
--     lua duel.lua PIN ROOM [SECONDS]      PIN: the line that trystd prints
--
-- A message is the text "X Y", two whole numbers. The duel in Python says the same, so the two can play.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local rate = 20
local gone = { left = true, unreachable = true, refused = true, ["server-lost"] = true }

local function say(...)
    print(string.format(...))
    io.flush()
end

local function play(pin, room, seconds)
    local client = assert(tryst.Client(pin, { app = "duel" }))
    local start, now, told, peers = tryst.clock(), 0, nil, {}
    assert(client:join(room))
    while now < seconds do
        for peer in pairs(peers) do -- a position that cannot be sent is lost: the next one tells it
            client:send(peer, string.format("%.0f %.0f", 50 + 40 * math.cos(now), 50 + 40 * math.sin(now)))
        end
        for event in client:events(1 / rate) do
            if event.type == "connected" then
                say("met a player at %s", tostring(event.address))
                peers[event.peer] = true
            elseif event.type == "message" and event.data ~= told then
                told = event.data
                if told:find("^%d+ %d+$") then say("the other is at %s", told) end
            elseif gone[event.type] then
                say("%s: %s", event.type, event.text or event.reason_text)
                peers[event.peer or 0] = nil
            end
        end
        now = tryst.clock() - start
    end
    client:close()
end

if not arg[2] or not tonumber(arg[3] or 0) then
    io.stderr:write("usage: duel.lua PIN ROOM [SECONDS]\n")
    os.exit(1)
end
local ok, why = pcall(play, arg[1], arg[2], tonumber(arg[3]) or math.huge)
if not ok and not why:find("interrupted", 1, true) then -- what Ctrl-C raises
    io.stderr:write("duel: ", why, "\n")
    os.exit(1)
end
