"""A session is a match of two whose ratings are near. The user data is "RATING"; who is in is told its side,
and local addresses only to those in the same home.

SPDX-License-Identifier: MIT
"""
NEAR = 200
state.setdefault("ratings", {})  # of the session, by whoever opened it


def rating_of(request):
    return int(request.data) if request.data.isdigit() else None


def on_session_open(request):
    rating = rating_of(request)
    if rating is None:
        return False, "say your rating"
    state["ratings"][request.session] = rating
    return {"max_participants": 2}


def on_join(request):
    rating, wanted = rating_of(request), state["ratings"].get(request.session)
    if rating is None or wanted is None:
        return False, "say your rating"
    if abs(rating - wanted) > NEAR:
        return False, f"this match is for ratings around {wanted}"
    return {"data": b"black" if request.participants else b"white", "addresses": "same-public"}


def on_session_close(request):
    state["ratings"].pop(request.session, None)
