"""Only players on a list may come in. The keys are what str(identity) shows.

SPDX-License-Identifier: MIT
"""
import tryst

ALLOWED = {
    "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w": "Ann",
    "gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q": "Ben",
}


def on_register(request):
    name = ALLOWED.get(tryst.format_key(request.participant))
    if name is None:
        return False, "you are not on the list"
    print(f"{name} comes from {request.address}")
    return True
