-- A session is a match of two whose ratings are near. The user data is "RATING"; who is in is told its side,
-- and local addresses only to those in the same home.
-- SPDX-License-Identifier: MIT
local NEAR = 200
state.ratings = state.ratings or {} -- of the session, by whoever opened it

function on_session_open(request)
    local rating = tonumber(request.data)
    if not rating then
        return false, "say your rating"
    end
    state.ratings[request.session] = rating
    return { max_participants = 2 }
end

function on_join(request)
    local rating, wanted = tonumber(request.data), state.ratings[request.session]
    if not rating or not wanted then
        return false, "say your rating"
    elseif math.abs(rating - wanted) > NEAR then
        return false, ("this match is for ratings around %d"):format(wanted)
    end
    return { data = #request.participants == 0 and "white" or "black", addresses = "same-public" }
end

function on_session_close(request)
    state.ratings[request.session] = nil
end
