-- A game script for engine.c: meets another player, and counts to three with it.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local pin, name = ...

local client <close> = assert(tryst.Client(pin, { app = "embed" }))
assert(client:join("arena", name))
for event in client:events(20) do
    if event.type == "joined" then
        show(name .. " meets " .. event.data)
        client:send(event.peer, "1")
    elseif event.type == "message" then
        local number = tonumber(event.data)
        show(name .. " hears " .. number)
        client:send(event.peer, tostring(number + 1))
        client:flush()
        if number >= 3 then
            return
        end
    elseif event.type == "refused" then
        error(event.reason_text)
    end
end
error("nobody came")
