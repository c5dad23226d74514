"""A program that a type checker must accept.

SPDX-License-Identifier: MIT
"""
import asyncio
from typing import List, Optional

import tryst


def play(pin: str, identity: Optional[tryst.Identity] = None) -> List[bytes]:
    heard: List[bytes] = []
    with tryst.Client(tryst.Pin(pin), identity=identity, app="x", trace=True) as client:
        client.join("room", bytearray(b"me"))
        for event in client.events(timeout=None):
            if event.type is tryst.EventType.CONNECTED and event.address is not None:
                client.send(event.peer, memoryview(b"hi"))
                print(event.address.ip, event.kind.text, event.rtt_us)
            elif event.type is tryst.EventType.MESSAGE:
                heard.append(event.data)
            elif event.reason is tryst.Reason.DENIED:
                raise PermissionError(event.text)
        left: Optional[float] = client.timeout()
        print(left, client.stats().messages_sent, [str(a) for a in client.local_addresses()])
    return heard


def drive(endpoint: tryst.Endpoint, now_us: int) -> None:
    endpoint.set_server(now_us, [tryst.Address("1.2.3.4:5"), "1.2.3.4:5", ("1.2.3.4", 5)])
    for datagram in endpoint.datagrams(now_us):
        print(datagram.to.sockaddr, len(datagram.data), datagram.ttl)
    try:
        endpoint.input(now_us, ("1.2.3.4", 5), b"")
    except tryst.ClosedError as error:
        print(error.code.text)


async def wait(client: tryst.Client) -> None:
    async for event in client.aevents(1.5):
        print(event)


def on_join(request: tryst.PolicyRequest) -> bool:
    return len(request.participants) < 2 and request.address is not None


if __name__ == "__main__":
    asyncio.run(wait(tryst.Client("x")))
