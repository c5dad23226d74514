-- Only players on a list may come in. The keys are what tostring(identity) shows.
-- SPDX-License-Identifier: MIT
local allowed = {
    ["iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"] = "Ann",
    ["gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q"] = "Ben",
}

function on_register(request)
    local name = allowed[tryst.format_key(request.participant)]
    if not name then
        return false, "you are not on the list"
    end
    print(name .. " comes from " .. request.address)
    return true
end
