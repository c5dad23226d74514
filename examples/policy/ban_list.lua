-- Who is banned is told why; who comes from a banned network, too. Everybody is asked about anew each hour.
-- SPDX-License-Identifier: MIT
local players = {
    ["iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"] = "cheating, until May",
}
local networks = { "203.0.113.", "2001:db8:bad:" }

function on_register(request)
    local why = players[tryst.format_key(request.participant)]
    if why then
        return false, "banned: " .. why
    end
    for _, network in ipairs(networks) do
        if request.address.ip:sub(1, #network) == network then
            return false, "your network is banned"
        end
    end
    return { expires_s = 3600 }
end
