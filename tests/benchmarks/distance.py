"""A relay that stands for a long way to Atlas: every byte arrives later, and as many are under way as are sent.

(`tests.support.relay` makes a network bad: it holds a chunk back before it takes the next one, which limits
what gets through. A long way does not.)
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from syncapp.embedded.ports import free_port

CHUNK = 1 << 20


@contextmanager
def distance(target: int, round_trip_ms: float) -> Iterator[int]:
    """The port of a relay to the port `target` on this machine. No time at all: the target itself."""
    if not round_trip_ms:
        yield target
        return
    # The default selector rounds every wait up to a whole millisecond
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    port = free_port()
    thread = threading.Thread(target=loop.run_forever, name=f"distance {port}", daemon=True)
    thread.start()
    far = _Far(target, round_trip_ms / 2000)
    asyncio.run_coroutine_threadsafe(far.listen(port), loop).result(10)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(far.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Far:
    def __init__(self, target: int, seconds: float) -> None:
        self._target, self._seconds = target, seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        for one in (writer, there_writer):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.ensure_future(self._carry(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while chunk := await source.read(CHUNK):
                loop.call_later(self._seconds, target.write, chunk)
        except OSError:
            pass
        loop.call_later(self._seconds, target.close)
