"""The client that a camera program writes against: it records at once, and sends when it can."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Callable, List, Mapping, Optional, Sequence, Type, Union

from . import rows
from .buffer import Buffer
from .client import PeopleCounterClient
from .errors import ApiError, NoAnswerError, NoSessionError
from .ids import UuidV7
from .models import Counters, DashboardSummary, Movement, Remaining, SessionStatistics
from .outbox import METRICS, MOVEMENT, SessionQueue
from .sender import OnError, OnRejected
from .spool import end_line, session_lines

logger = logging.getLogger(__name__)

_PATIENCE = 0.25  # seconds for which auto_flush_check() waits for the request it started


class PeopleCounterIntegration:
    """Records movements and metrics of one counting session at a time, and sends each of them exactly once in effect.

    What is recorded has its id and its time from then on and waits in a buffer; a task in the background sends it in
    batches. What could not be sent is sent again, over and over. README.md says how, and what the arguments mean.
    """

    def __init__(
        self,
        api_base_url: str = "http://localhost:8000",
        *,
        api_key: Optional[str] = None,
        token: Union[str, Callable[[], str], None] = None,
        batch_size: int = 500,
        flush_interval: float = 0.2,
        flush_timeout: float = 10.0,
        request_timeout: float = 10.0,
        connect_timeout: float = 5.0,
        retry_first: float = 0.5,
        retry_limit: float = 30.0,
        buffer_max_bytes: int = 64 << 20,
        spool_path: Optional[str] = None,
        spool_fsync: bool = True,
        on_rejected: Optional[OnRejected] = None,
        on_error: Optional[OnError] = None,
    ) -> None:
        self.client = PeopleCounterClient(
            api_base_url, api_key=api_key, token=token, timeout=request_timeout, connect_timeout=connect_timeout
        )
        self._flush_timeout = flush_timeout
        self._buffer = Buffer(
            self.client,
            batch_size=batch_size,
            flush_interval=flush_interval,
            retry_first=retry_first,
            retry_limit=retry_limit,
            max_bytes=buffer_max_bytes,
            spool_path=spool_path,
            spool_fsync=spool_fsync,
            on_rejected=on_rejected,
            on_error=on_error,
        )
        self._new_id = UuidV7()
        self._session: Optional[SessionQueue] = None

    # ---- life

    async def initialize(self) -> None:
        """Reads the spool and starts sending. The server need not be there."""
        if not self._buffer.is_open:
            await self.client.open()
            try:
                await self._buffer.open()
            except BaseException:
                await self.client.close()
                raise

    async def close(self, timeout: Optional[float] = None) -> Remaining:
        """Sends what it can in timeout seconds (default flush_timeout) and says what is left. With a spool that is sent
        by the next run; without, it is lost."""
        if not self._buffer.is_open:
            return self.pending
        try:
            await self.flush(timeout)
        finally:
            if self._session is not None:
                self._over(self._session)
            await self._buffer.close()
            await self.client.close()
        left = self.pending
        if left:
            where = "in the spool" if self._buffer.spool else "lost"
            logger.warning("closed with %d movements and %d metrics unsent, %s", left.movements, left.metrics, where)
        return left

    async def __aenter__(self) -> "PeopleCounterIntegration":
        await self.initialize()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    # ---- what is known

    @property
    def session_id(self) -> Optional[str]:
        """The session that is counting."""
        return self._session.session_id if self._session is not None else None

    @property
    def pending(self) -> Remaining:
        """What is not yet sent."""
        return self._buffer.pending

    @property
    def counters(self) -> Counters:
        return self._buffer.sender.counters

    @property
    def last_error(self) -> Optional[Exception]:
        """Why nothing is sent at present; None while all is well."""
        return self._buffer.sender.last_error

    # ---- sessions

    async def start_counting_session(self, session_data: Optional[Mapping[str, object]] = None) -> str:
        """Starts a session and answers its id, which is made here: if the server is away, the session is created later.

        Raises ApiError where the server refuses it. An id in session_data that exists already resumes that session.
        """
        self._buffer.check_open()
        creation = dict(session_data or {})
        session_id = str(creation.setdefault("id", self._new_id()))
        creation.setdefault("start_time", rows.moment())
        creation = rows.as_sent(creation)
        async with self._buffer.sending:
            queue = self._buffer.outbox.open(SessionQueue(session_id, creation))
            queue.current = True
            await self._buffer.note(session_lines(queue))
            try:
                if not queue.created:
                    await self._buffer.sender.create(queue)
            except NoAnswerError as error:
                logger.warning("session %s will be created when the server is back: %s", session_id, error)
            except ApiError as error:
                if error.status < 500 and error.status not in (408, 425, 429):
                    await self._buffer.refused(queue)
                    raise
                logger.warning("session %s will be created later: %s", session_id, error)
        if self._session is not None and self._session is not queue:
            logger.warning("session %s was not ended", self._session.session_id)
            self._session.current = False
        self._session = queue
        self._buffer.wake()
        return session_id

    async def end_counting_session(self, session_stats: Optional[Mapping[str, object]] = None) -> bool:
        """Sends what was recorded, then ends the session.

        True: the server has it. False: the server is away, and the end follows when what was recorded has been sent; or
        it refused the values, which the log and on_error say, and the session goes on.
        """
        self._buffer.check_open()
        queue = self._session
        if queue is None:
            logger.warning("no session to end")
            return False
        changes = dict(session_stats or {})
        changes.setdefault("status", "completed")
        changes.setdefault("end_time", rows.moment())
        changes = rows.as_sent(changes)
        deadline = time.monotonic() + self._flush_timeout
        await self._buffer.flush(partial(self._buffer.has_sent, queue), deadline)
        if self._buffer.has_sent(queue) and not queue.aside:
            try:
                async with self._buffer.sending:
                    await self._buffer.sender.end(queue.session_id, changes)
                self._over(queue)
                return True
            except NoAnswerError as error:
                logger.warning("session %s will be ended when the server is back: %s", queue.session_id, error)
            except ApiError as error:
                self._buffer.sender.tell(error)
                if 400 <= error.status < 500 and error.status not in (401, 403, 408, 425, 429):
                    logger.error("session %s cannot be ended: %s", queue.session_id, error.detail)
                    return False
                logger.warning("session %s will be ended later: %s", queue.session_id, error)
        queue.end = changes
        await self._buffer.note(end_line(queue.session_id, changes))
        self._over(queue)
        return False

    def _over(self, queue: SessionQueue) -> None:
        queue.current = False
        if self._session is queue:
            self._session = None
        self._buffer.forget_done()
        self._buffer.wake()

    # ---- recording

    def _counting(self) -> SessionQueue:
        self._buffer.check_open()
        if self._session is None:
            raise NoSessionError("no session is counting: await start_counting_session() first")
        return self._session

    async def record_people_movement(
        self,
        person_id: int,
        direction: str,
        centroid: Optional[Sequence[float]] = None,
        bounding_box: Optional[Sequence[float]] = None,
        confidence: Optional[float] = None,
        frame_number: Optional[int] = None,
        *,
        movement_time: Optional[datetime] = None,
    ) -> bool:
        """Records that a person crossed the line, now or at movement_time, which needs a zone. True: it is kept."""
        queue = self._counting()
        row = rows.movement(
            self._new_id(), movement_time, person_id, direction, centroid, bounding_box, confidence, frame_number
        )
        return await self._buffer.keep(queue, MOVEMENT, row)

    async def record_system_metrics(
        self,
        people_count: int,
        detection_status: str,
        fps: Optional[float] = None,
        cpu_usage: Optional[float] = None,
        memory_usage: Optional[float] = None,
        *,
        processing_latency: Optional[float] = None,
        people_entered_last_minute: Optional[int] = None,
        people_exited_last_minute: Optional[int] = None,
        timestamp: Optional[datetime] = None,
    ) -> bool:
        """Records what the counter says of itself. False: there was no room for it; movements take precedence."""
        queue = self._counting()
        measured = {
            "fps_current": fps,
            "cpu_usage_percentage": cpu_usage,
            "memory_usage_mb": memory_usage,
            "processing_latency_ms": processing_latency,
        }
        counted = {
            "people_entered_last_minute": people_entered_last_minute,
            "people_exited_last_minute": people_exited_last_minute,
        }
        row = rows.metrics(self._new_id(), timestamp, people_count, detection_status, measured, counted)
        return await self._buffer.keep(queue, METRICS, row)

    # ---- sending

    async def auto_flush_check(self) -> None:
        """Sends what is due, and waits a quarter of a second for it at most. The background task does that by itself;
        this is for programs that otherwise rarely wait for anything."""
        self._buffer.check_open()
        await self._buffer.send_due(_PATIENCE)

    async def flush(self, timeout: Optional[float] = None) -> Remaining:
        """Sends all that waits, for timeout seconds at most (default flush_timeout), and says what is left."""
        self._buffer.check_open()
        limit = self._flush_timeout if timeout is None else timeout
        await self._buffer.flush(lambda: not self.pending, time.monotonic() + limit)
        return self.pending

    # ---- reading

    async def get_current_statistics(self) -> SessionStatistics:
        """The statistics of the session that is counting, as the server has them."""
        if self._session is None:
            raise NoSessionError("no session is counting")
        return (await self.client.get_session(self._session.session_id))["statistics"]

    async def get_recent_activity(self, limit: int = 100) -> List[Movement]:
        """The latest movements of the session that is counting, newest first."""
        if self._session is None:
            raise NoSessionError("no session is counting")
        return (await self.client.list_movements(self._session.session_id, limit=limit))["movements"]

    async def get_dashboard_data(self) -> DashboardSummary:
        return await self.client.dashboard_summary()
