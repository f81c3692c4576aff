"""A small TCP relay between a client and a server on this machine: a network that can be cut, black-holed
and slowed while both ends live.

    relay = Relay(server.port)          # clients connect to relay.port
    relay.cut()                         # closes every connection and refuses new ones
    relay.black_hole()                  # accepts, forwards nothing, never closes
    relay.slow(latency=0.1, rate=50_000)
    relay.heal()
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from syncapp.embedded.ports import free_port

CHUNK = 65_536  # bytes
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Runs in a thread of its own until `close`. Its port stays the same through every fault."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: what clients have to speak; the server behind it speaks without."""
        self.target, self.port, self._tls = target, free_port(), tls
        self.latency, self.rate = 0.0, 0.0  # seconds a chunk; bytes a second, 0: as fast as it goes
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()  # closed while the network is a black hole
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay {self.port}", daemon=True)
        self._thread.start()
        self._do(self._listen())

    # What a test does to the network

    def cut(self) -> None:
        self._do(self._cut())

    def black_hole(self) -> None:
        self._loop.call_soon_threadsafe(self._open.clear)

    def slow(self, latency: float, rate: float = 0.0) -> None:
        self.latency, self.rate = latency, rate

    def heal(self) -> None:
        """Whatever was done, it is over: connections that were held up go on."""
        self.latency = self.rate = 0.0
        self._loop.call_soon_threadsafe(self._open.set)
        self._do(self._listen())

    def close(self) -> None:
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # How it works

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, limit=CHUNK, ssl=self._tls
            )

    async def _cut(self) -> None:
        # Whoever is being accepted when the server is closed stays connected to nobody (CPython issue 109564):
        # accept no more, and close it when all have got their task
        for listening in self._server.sockets if self._server is not None else ():
            self._loop.remove_reader(listening.fileno())
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            while self._tasks:
                self._tasks.pop().cancel()
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            await self._open.wait()
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
            writers.append(there_writer)
            # Either end that closes closes both: none of the protocols here half-closes
            pumps = [
                asyncio.create_task(self._pump(reader, there_writer)),
                asyncio.create_task(self._pump(there_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the target is down, or the network was cut: the client sees its connection close
        finally:
            self._tasks.discard(task)
            for one in writers:
                with suppress(OSError, RuntimeError):
                    one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.latency or self.rate:
                    await asyncio.sleep(self.latency + (len(chunk) / self.rate if self.rate else 0.0))
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()
        await self._open.wait()  # a black hole does not tell that the other end is gone
