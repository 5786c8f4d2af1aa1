"""The buffer at work: the queues, the spool behind them, and the task that has them sent."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Callable, List, Optional

from .backoff import Backoff
from .client import to_json
from .errors import ApiError, BufferFullError, PeopleCounterError
from .models import JsonObject, Remaining
from .outbox import METRICS, MOVEMENT, Entry, Outbox, SessionQueue
from .sender import OnError, OnRejected, Sender, Transport
from .spool import Spool, entry_line

logger = logging.getLogger(__name__)


class Buffer:
    """Lives in one event loop, from open() to close()."""

    def __init__(
        self,
        transport: Transport,
        *,
        batch_size: int,
        flush_interval: float,
        retry_first: float,
        retry_limit: float,
        max_bytes: int,
        spool_path: Optional[str],
        spool_fsync: bool,
        on_rejected: Optional[OnRejected],
        on_error: Optional[OnError],
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if max_bytes < 65536:
            raise ValueError(f"buffer_max_bytes must be at least 65536, not {max_bytes}")
        self._batch_size = batch_size
        self._flush_interval = flush_interval
        self.outbox = Outbox(max_bytes)
        self.sender = Sender(
            transport,
            self.outbox,
            batch_size=batch_size,
            backoff=Backoff(retry_first, retry_limit),
            on_rejected=on_rejected,
            on_error=on_error,
        )
        self.spool = Spool(spool_path, self.outbox, spool_fsync) if spool_path else None
        self._task: Optional["asyncio.Task[None]"] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._in_a_hurry = 0

    # ---- life

    @property
    def is_open(self) -> bool:
        return self._task is not None

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()     # there may be something to do
        self._stepped = asyncio.Event()  # a request has ended
        self.sending = asyncio.Lock()    # one request at a time
        if self.spool is not None:
            await self.spool.open()
            self.sender.spool = self.spool
            if self.pending:
                logger.info("the spool has %d movements of an earlier run", self.pending.movements)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends the sending, in the middle of a request if need be: it will be repeated."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self.spool is not None:
            await self.spool.compact()
            await self.spool.close()

    def check_open(self) -> None:
        if self._task is None:
            raise PeopleCounterError("not running: await initialize() first")
        if asyncio.get_running_loop() is not self._loop:
            raise PeopleCounterError("belongs to another event loop")

    @property
    def spilling(self) -> bool:
        return self.spool is not None and self.spool.spilling

    @property
    def pending(self) -> Remaining:
        return self.outbox.remaining(self.spool.spilled if self.spool else 0, self.sender.last_error)

    def has_sent(self, queue: SessionQueue) -> bool:
        return not queue.has_work(ends=False) and not self.spilling

    async def note(self, lines: bytes) -> None:
        """Puts lines into the spool, if there is one, and waits until they are on the disk."""
        if self.spool is not None:
            await self.spool.append(lines)
            await self.spool.sync()

    def forget_done(self) -> None:
        if not self.spilling:
            self.outbox.forget_done()

    async def refused(self, queue: SessionQueue) -> None:
        """Forgets a session that could not be created, unless an earlier run left something for it."""
        queue.current = False
        if not queue.created and not any(queue.rows.values()) and not self.spilling:
            del self.outbox.queues[queue.session_id]
            if self.spool is not None:
                await self.spool.append(to_json({"done": [f"session:{queue.session_id}"]}) + b"\n")

    # ---- keeping

    async def keep(self, queue: SessionQueue, kind: str, row: JsonObject) -> bool:
        """Takes a row: into the spool, if there is one, and into memory, or for want of room into the spool only."""
        entry = Entry(str(row["id"]), queue.session_id, kind, to_json(row))
        dropped = self.outbox.make_room(entry)
        if dropped:
            await self._drop(dropped)
        if not self.outbox.fits(entry) or self.spilling:
            if kind == METRICS:
                self._count_dropped(1)
                return False
            if self.spool is None:
                raise BufferFullError(f"the buffer has {self.pending.movements} movements that could not be sent")
        line = entry_line(entry)
        spooled = self.spool is not None and await self.spool.append(line)
        # From here to the end of the branch nothing else can run, so that file and memory have the same order.
        self.outbox.open(queue)
        if self.spool is not None and spooled and kind == MOVEMENT and (self.spilling or not self.outbox.fits(entry)):
            self.spool.spill(line)
        elif spooled or self.outbox.fits(entry):
            self.outbox.add(entry)
        else:
            raise BufferFullError(f"the buffer has {self.pending.movements} movements, and the spool cannot be written")
        self.sender.counters.recorded += 1
        self._wake_if_due(queue)
        if spooled and self.spool is not None and kind == MOVEMENT:
            await self.spool.sync()
        else:
            await asyncio.sleep(0)  # a camera program that never waits for anything else lets the sending go on here
        return True

    async def _drop(self, dropped: List[Entry]) -> None:
        self._count_dropped(len(dropped))
        if self.spool is not None:
            await self.spool.done([entry.key for entry in dropped], sum(len(entry.data) for entry in dropped))

    def _count_dropped(self, count: int) -> None:
        if not self.sender.counters.metrics_dropped:
            logger.warning("the buffer is full: the oldest metrics are dropped to make room for movements")
        self.sender.counters.metrics_dropped += count

    def _wake_if_due(self, queue: SessionQueue) -> None:
        """The first row after a pause goes at once; after that the task knows by itself when it is time."""
        if any(len(waiting) in (1, self._batch_size) for waiting in queue.rows.values()):
            self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    # ---- sending

    def _due_in(self) -> Optional[float]:
        """Seconds until the next request should go out: at once after a quiet time or with a full batch."""
        wait = self.sender.wait()
        if wait is None or wait > 0 or self._in_a_hurry or self.outbox.has_batch(self._batch_size):
            return wait
        return max(0.0, self.sender.last_sent + self._flush_interval - time.monotonic())

    async def _run(self) -> None:
        while True:
            wait = self._due_in()
            if wait is None or wait > 0:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except asyncio.TimeoutError:
                    pass
                continue
            async with self.sending:
                went = await self.sender.step()
            self._stepped.set()
            await asyncio.sleep(0 if went else 0.01)

    async def send_due(self, patience: float) -> None:
        """Lets the task send what is due, and waits for it so many seconds at most."""
        due = self._due_in()
        if due is None or due > 0:
            await asyncio.sleep(0)
            return
        self._stepped.clear()
        self._wake.set()
        await self._next_step(patience)

    async def _next_step(self, timeout: float) -> None:
        try:
            await asyncio.wait_for(self._stepped.wait(), timeout)
        except asyncio.TimeoutError:
            pass

    async def flush(self, done: Callable[[], bool], deadline: float) -> None:
        """Waits for the background task. Without permission (401, 403) there is no point in waiting."""
        self._in_a_hurry += 1
        try:
            self.sender.try_now()
            before = self.sender.counters.requests
            while not done() and time.monotonic() < deadline:
                error, tried = self.sender.last_error, self.sender.counters.requests > before
                if tried and isinstance(error, ApiError) and error.status in (401, 403):
                    return
                self._stepped.clear()
                self._wake.set()
                await self._next_step(max(0.0, deadline - time.monotonic()))
        finally:
            self._in_a_hurry -= 1
