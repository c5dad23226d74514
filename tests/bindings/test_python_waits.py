#!/usr/bin/env python3
"""Waiting in Python: threads, signals and asyncio. A watchdog ends what hangs and shows where.

SPDX-License-Identifier: MIT
"""
import around

around.become_python()
around.need_server()

# pylint: disable=wrong-import-position
import asyncio
import faulthandler
import gc
import os
import signal
import threading
import time
import unittest

import tryst

KEY = str(tryst.Identity(bytes(32)))
NOWHERE = f"127.0.0.1:1#{KEY}"
SOON_S = 2.0  # at once, on a busy machine


def descriptors():
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def soon(call, after_s=0.1):
    """Calls from another thread, a little later."""
    thread = threading.Timer(after_s, call)
    thread.start()
    return thread


class Threads(unittest.TestCase):
    def test_others_run_while_one_waits(self):
        counted = []
        with tryst.Client(NOWHERE) as client:
            thread = threading.Thread(target=lambda: counted.extend(range(100000)))
            thread.start()
            client.run(0.3)
            self.assertEqual(len(counted), 100000)
            thread.join()

    def test_close_ends_the_wait_of_another_thread(self):
        for wait in (lambda client: client.run(), lambda client: list(client.events(None))):
            client = tryst.Client(NOWHERE)
            thread = soon(client.close)
            start = time.monotonic()
            with self.assertRaises(tryst.ClosedError):
                wait(client)
            self.assertLess(time.monotonic() - start, SOON_S)
            thread.join()
            self.assertTrue(client.closed)

    def test_wake_ends_a_run_and_nothing_else(self):
        with tryst.Client(NOWHERE) as client:
            thread = soon(client.wake)
            start = time.monotonic()
            self.assertIs(client.run(60), False)
            self.assertLess(time.monotonic() - start, SOON_S)
            thread.join()
            start = time.monotonic()
            client.stats()
            client.run(0.1)
            self.assertGreaterEqual(time.monotonic() - start, 0.1)

    def test_what_another_thread_sends_leaves_while_one_waits(self):
        with around.server() as pin, tryst.Client(pin) as one, tryst.Client(pin) as other:
            heard, peers = threading.Event(), []
            both = threading.Event()

            def listen():
                for event in one.events(30):
                    if event.type is tryst.EventType.MESSAGE:
                        heard.set()
                        return

            def serve():
                for event in other.events(None):
                    if event.type is tryst.EventType.CONNECTED:
                        peers.append(event.peer)
                        both.set()

            threads = [threading.Thread(target=listen)]
            threads[0].start()
            one.join("room")
            other.join("room")
            server = threading.Thread(target=lambda: self.assertRaises(tryst.ClosedError, serve))
            server.start()
            self.assertTrue(both.wait(around.PATIENCE_S))
            time.sleep(0.3)  # both wait in their runs now
            start = time.monotonic()
            other.send(peers[0], b"from a third thread")
            self.assertTrue(heard.wait(around.PATIENCE_S))
            self.assertLess(time.monotonic() - start, SOON_S)
            other.close()
            for thread in (*threads, server):
                thread.join()

    def test_two_wait_at_once_and_both_come_back(self):
        with tryst.Client(NOWHERE) as client:
            ends = []
            threads = [threading.Thread(target=lambda: ends.append(client.run(0.2))) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(around.PATIENCE_S)
            self.assertEqual(ends, [False] * 3)

    def test_many_threads_at_one_client(self):
        with around.server() as pin:
            client = tryst.Client(pin)
            client.join("room")
            end = time.monotonic() + 2
            failures = []

            def hammer(call):
                try:
                    while time.monotonic() < end:
                        call()
                except tryst.ClosedError:
                    pass
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(error)

            def send():
                try:
                    client.send(1, b"x")
                except (tryst.PeerError, tryst.NotConnectedError):
                    pass

            calls = [lambda: client.run(0.01), lambda: client.run(0), client.poll, send, client.stats,
                     client.local_addresses, client.flush, client.wake, lambda: client.run(1)]
            threads = [threading.Thread(target=hammer, args=(call,)) for call in calls]
            threads.append(soon(client.close, 1.5))
            for thread in threads[:-1]:
                thread.start()
            for thread in threads:
                thread.join(around.PATIENCE_S)
                self.assertFalse(thread.is_alive())
            self.assertEqual(failures, [])


class Signals(unittest.TestCase):
    def test_ctrl_c_acts_at_once(self):
        with tryst.Client(NOWHERE) as client:
            for wait in (client.run, lambda: list(client.events(None))):
                thread = soon(lambda: os.kill(os.getpid(), signal.SIGINT))
                start = time.monotonic()
                with self.assertRaises(KeyboardInterrupt):
                    wait()
                self.assertLess(time.monotonic() - start, SOON_S)
                thread.join()
            self.assertIs(client.run(0), False)

    def test_a_handler_runs_and_the_wait_goes_on(self):
        called = []
        before = signal.signal(signal.SIGALRM, lambda *_: called.append(client.stats()))
        with tryst.Client(NOWHERE) as client:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            start = time.monotonic()
            self.assertIs(client.run(0.3), False)
            self.assertGreaterEqual(time.monotonic() - start, 0.3)
        signal.signal(signal.SIGALRM, before)
        self.assertEqual(len(called), 1)


class NoReaders(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as Windows' own."""

    def add_reader(self, *_):
        raise NotImplementedError


class Async(unittest.TestCase):
    loops = (asyncio.new_event_loop, NoReaders)

    def run_in(self, make_loop, main):
        loop = make_loop()
        try:
            return loop.run_until_complete(asyncio.wait_for(main(), around.PATIENCE_S))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor()) if hasattr(
                loop, "shutdown_default_executor") else None
            loop.close()

    def test_two_talk_in_any_loop(self):
        async def player(client, say):
            heard = []
            async for event in client.aevents():
                if event.type is tryst.EventType.CONNECTED:
                    await asyncio.sleep(0.2)  # the iteration sleeps, and another task sends
                    asyncio.get_running_loop().call_soon(client.send, event.peer, say)
                elif event.type is tryst.EventType.MESSAGE:
                    heard.append((event.data, time.monotonic()))
                    return heard[0]

        async def main(pin):
            with tryst.Client(pin) as one, tryst.Client(pin) as other:
                one.join("room")
                other.join("room")
                return await asyncio.gather(player(one, b"1"), player(other, b"2"))

        for make_loop in self.loops:
            with self.subTest(loop=make_loop), around.server() as pin:
                heard = self.run_in(make_loop, lambda: main(pin))
                self.assertEqual([data for data, _ in heard], [b"2", b"1"])

    def test_what_a_task_sends_leaves_at_once(self):
        async def main(pin):
            peers, times = asyncio.Queue(), asyncio.Queue()

            async def listen(client):
                async for event in client.aevents():
                    if event.type is tryst.EventType.CONNECTED:
                        peers.put_nowait((client, event.peer))
                    elif event.type is tryst.EventType.MESSAGE:
                        times.put_nowait(time.monotonic())

            with tryst.Client(pin) as one, tryst.Client(pin) as other:
                one.join("room")
                other.join("room")
                tasks = [asyncio.ensure_future(listen(client)) for client in (one, other)]
                await peers.get()
                client, peer = await peers.get()
                waits = []
                for _ in range(5):
                    await asyncio.sleep(0.15)
                    start = time.monotonic()
                    client.send(peer, b"x")
                    waits.append(await times.get() - start)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                return sorted(waits)

        for make_loop in self.loops:
            with self.subTest(loop=make_loop), around.server() as pin:
                self.assertLess(self.run_in(make_loop, lambda: main(pin))[2], 0.1)

    def test_close_timeout_and_cancellation_end_it(self):
        async def main():
            before = descriptors()
            with tryst.Client(NOWHERE) as client:
                self.assertEqual([event async for event in client.aevents(0.05)], [])
                asyncio.get_running_loop().call_later(0.1, client.close)
                start = time.monotonic()
                self.assertEqual([event async for event in client.aevents()], [])
                self.assertLess(time.monotonic() - start, SOON_S)
            with tryst.Client(NOWHERE) as client:
                async def forever():
                    async for _ in client.aevents():
                        pass
                tasks = [asyncio.ensure_future(forever()) for _ in range(2)]
                await asyncio.sleep(0.1)
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                self.assertTrue(all(isinstance(end, asyncio.CancelledError) for end in ended))
                self.assertIs(client.run(0), False)
            gc.collect()
            return before, descriptors()

        for make_loop in self.loops:
            with self.subTest(loop=make_loop):
                before, after = self.run_in(make_loop, main)
                self.assertEqual(before, after)

    def test_an_error_in_the_body_loses_no_event(self):
        async def main(pin):
            with tryst.Client(pin) as client:
                client.join("room")
                with self.assertRaises(KeyError):
                    async for event in client.aevents():
                        raise KeyError(event.type)
                async for event in client.aevents(around.PATIENCE_S):
                    if event.type is tryst.EventType.REGISTERED:
                        return True

        with around.server() as pin:
            self.assertTrue(self.run_in(asyncio.new_event_loop, lambda: main(pin)))


if __name__ == "__main__":
    faulthandler.dump_traceback_later(120, exit=True)
    unittest.main(verbosity=2)
