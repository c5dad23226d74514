-- SPDX-License-Identifier: MIT
function love.conf(t)
    t.identity = "tryst-squares" -- where the player's key is kept
    t.version = "11.4"
    t.window.title = "tryst: two squares (LÖVE)"
    t.window.width, t.window.height = 480, 400
    t.modules.audio, t.modules.joystick, t.modules.physics, t.modules.sound, t.modules.video =
        false, false, false, false, false
end
