"""A session has the password of who opened it, and room for four. The password is the user data.

SPDX-License-Identifier: MIT
"""
state.setdefault("passwords", {})  # kept when this file is loaded again


def on_session_open(request):
    if len(request.data) < 4:
        return False, "a password has four characters or more"
    state["passwords"][request.session] = request.data
    return {"max_participants": 4}


def on_join(request):
    if request.data != state["passwords"].get(request.session):
        return False, "that is not the password"
    return True


def on_session_close(request):
    state["passwords"].pop(request.session, None)
