"""Waiting for a client in an asyncio loop: by its descriptor, or in a thread where the loop cannot
watch one (Windows' proactor).

SPDX-License-Identifier: MIT
"""
import asyncio
import os


class Watch:
    """One waiter. Its descriptor is a copy: a loop has one reader for each."""

    def __init__(self, client):
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        self.thread = None
        self.descriptor = os.dup(client.fileno())
        try:
            self.loop.add_reader(self.descriptor, self.news.set)
        except NotImplementedError:
            os.close(self.descriptor)
            self.descriptor = None
        client._watch(1)

    def notify(self):
        """Ends the wait; from any thread."""
        try:
            self.loop.call_soon_threadsafe(self.news.set)
        except RuntimeError:  # the loop is closed, and nobody waits
            pass

    async def wait(self, left):
        """Returns when the client should be run, at the latest after left seconds."""
        pause = self.client.timeout()
        limits = [limit for limit in (left, pause) if limit is not None]
        limit = min(limits) if limits else None
        if self.descriptor is None:
            await self._wait_in_thread(limit)
            return
        try:
            await asyncio.wait_for(self.news.wait(), limit)
        except asyncio.TimeoutError:
            pass
        self.news.clear()

    async def _wait_in_thread(self, limit):
        self.thread = self.loop.run_in_executor(None, self.client.run, limit)
        await asyncio.shield(self.thread)
        self.thread = None

    def close(self):
        """Stops watching."""
        self.client._watch(-1)
        if self.descriptor is not None:
            self.loop.remove_reader(self.descriptor)
            os.close(self.descriptor)
        if self.thread is not None:
            self.thread.add_done_callback(lambda done: done.cancelled() or done.exception())
            self.client.wake()
