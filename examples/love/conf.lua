-- The window of the squares, and no more of LÖVE than they need.
-- SPDX-License-Identifier: MIT
function love.conf(t)
    t.identity = "tryst-squares" -- the folder where the player's key is kept
    t.version = "11.4"
    t.window.title = "tryst: two squares (LÖVE)"
    t.window.width, t.window.height = 480, 400
    for _, name in ipairs({ "audio", "joystick", "physics", "sound", "touch", "video" }) do
        t.modules[name] = false
    end
end
