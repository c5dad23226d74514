"""Who is banned is told why; who comes from a banned network, too. Everybody is asked about anew each hour.

SPDX-License-Identifier: MIT
"""
import ipaddress

import tryst

PLAYERS = {
    "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w": "cheating, until May",
}
NETWORKS = [ipaddress.ip_network(network) for network in ("203.0.113.0/24", "2001:db8:bad::/48")]


def on_register(request):
    why = PLAYERS.get(tryst.format_key(request.participant))
    if why is not None:
        return False, f"banned: {why}"
    if any(ipaddress.ip_address(request.address.ip) in network for network in NETWORKS):
        return False, "your network is banned"
    return {"expires_s": 3600}
