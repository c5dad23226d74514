-- A session has the password of who opened it, and room for four. The password is the user data.
-- SPDX-License-Identifier: MIT
state.passwords = state.passwords or {} -- kept when this file is loaded again

function on_session_open(request)
    if #request.data < 4 then
        return false, "a password has four characters or more"
    end
    state.passwords[request.session] = request.data
    return { max_participants = 4 }
end

function on_join(request)
    if request.data ~= state.passwords[request.session] then
        return false, "that is not the password"
    end
    return true
end

function on_session_close(request)
    state.passwords[request.session] = nil
end
