"""Takes what waits to the server, one request at a time, and decides what an answer means."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Callable, List, Mapping, Optional, Protocol

from .backoff import Backoff
from .client import session_path, to_json
from .errors import ApiError, NoAnswerError
from .models import Counters, JsonObject, Rejection
from .outbox import MOVEMENT, Entry, Outbox, SessionQueue
from .spool import Spool, session_lines

logger = logging.getLogger(__name__)

OnRejected = Callable[[Rejection], object]
OnError = Callable[[Exception], object]

_BATCH_BYTES = 1 << 20
# The server, or what stands before it, cannot just now, or does not want us: the whole buffer waits.
_EVERYTHING_WAITS = frozenset({401, 407, 408, 425, 429})
# Not for this session, or not at this address: its rows wait, they are not at fault.
_SESSION_WAITS = frozenset({402, 403, 404, 405, 410, 421, 426, 451})


class Transport(Protocol):
    """What the sender needs of PeopleCounterClient."""

    async def request(
        self, method: str, path: str, *, params: Optional[Mapping[str, object]] = None, body: Optional[bytes] = None
    ) -> Any: ...


def is_about_the_request(error: ApiError) -> bool:
    """Whether sending the same again can only fail again."""
    return 400 <= error.status < 500 and error.status not in _EVERYTHING_WAITS | _SESSION_WAITS


class Sender:
    """Every request may be repeated: rows have their ids and times, a session its id, an end its time."""

    def __init__(
        self,
        transport: Transport,
        outbox: Outbox,
        *,
        batch_size: int = 500,
        backoff: Optional[Backoff] = None,
        on_rejected: Optional[OnRejected] = None,
        on_error: Optional[OnError] = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._outbox = outbox
        self._batch_size = batch_size
        self._backoff = backoff or Backoff()
        self._on_rejected = on_rejected
        self._on_error = on_error
        self._clock = clock
        self._resume_at = 0.0
        self._asked_to_wait = 0.0
        self.spool: Optional[Spool] = None
        self.counters = Counters()
        self.last_sent = -1e9
        self.last_error: Optional[Exception] = None

    # ---- when

    def wait(self) -> Optional[float]:
        """Seconds until step() can do something; None while there is nothing to send."""
        now = self._clock()
        spilling = self.spool is not None and self.spool.spilling
        due_at = now if spilling and self._has_room() else self._outbox.due_at(ends=not spilling)
        return None if due_at is None else max(0.0, due_at - now, self._resume_at - now)

    def try_now(self) -> None:
        """Ends a pause that we made ourselves; one that the server asked for goes on."""
        self._resume_at = self._asked_to_wait
        for queue in self._outbox.queues.values():
            queue.blocked_until = 0.0

    async def step(self) -> bool:
        """Sends at most one request. Answers whether it got on; if not, wait() says how long to wait."""
        now = self._clock()
        if now < self._resume_at:
            return False
        queue = None
        try:
            spilling = await self._refill()
            queue = self._outbox.next_queue(now, ends=not spilling)
            if queue is None:
                return False
            self.counters.requests += 1
            await self._send(queue)
        except ApiError as error:
            self._after_error(queue, error)
            return False
        except NoAnswerError as error:
            self._everything_waits(error)
            return False
        except Exception as error:  # a bug, or a spool that cannot be read, must not end the sending
            logger.exception("unexpected error while sending")
            self._everything_waits(error)
            return False
        self._backoff.reset()
        queue.backoff.reset()
        if self.last_error is not None:
            logger.info("sending again")
            self.last_error = None
        self.last_sent = self._clock()
        if not spilling:
            self._outbox.forget_done()
        return True

    async def _refill(self) -> bool:
        """Brings back what is in the spool only, once half of the memory is free. Answers whether there is more."""
        if self.spool is None or not self.spool.spilling:
            return False
        if self._has_room():
            await self.spool.refill()
        return self.spool.spilling

    def _has_room(self) -> bool:
        return self._outbox.bytes * 2 <= self._outbox.max_bytes

    async def _send(self, queue: SessionQueue) -> None:
        kind = queue.next_kind()
        if not queue.created:
            await self._create(queue)
        elif kind is not None:
            await self._send_rows(queue, kind)
        elif queue.aside:
            await self._send_aside(queue)
        elif queue.end is not None:
            await self._end(queue)

    # ---- sessions

    async def create(self, queue: SessionQueue) -> None:
        """Creates it or raises what went wrong. 409: an earlier try had got there."""
        try:
            await self._transport.request("POST", "/sessions", body=to_json(queue.creation))
        except ApiError as error:
            if error.status != 409:
                raise
        queue.created = True
        if self.spool is not None:
            await self.spool.append(to_json({"created": queue.session_id}) + b"\n")

    async def _create(self, queue: SessionQueue) -> None:
        try:
            await self.create(queue)
        except ApiError as error:
            least = {name: queue.creation[name] for name in ("id", "start_time") if name in queue.creation}
            if not is_about_the_request(error) or queue.creation == least:
                raise
            # Movements wait for it: a session without its settings is better than none.
            logger.error("session %s is created without its settings: %s", queue.session_id, error.detail)
            self.tell(error)
            queue.creation = least
            if self.spool is not None:
                await self.spool.append(session_lines(queue))

    async def end(self, session_id: str, changes: JsonObject) -> None:
        await self._transport.request("PUT", session_path(session_id), body=to_json(changes))

    async def _end(self, queue: SessionQueue) -> None:
        changes = queue.end or {}
        try:
            await self.end(queue.session_id, changes)
        except ApiError as error:
            if error.status != 404 and not is_about_the_request(error):
                raise
            least = {name: changes[name] for name in ("status", "end_time") if name in changes}
            self.tell(error)
            if error.status != 404 and changes != least:
                logger.error("session %s is ended without its figures: %s", queue.session_id, error.detail)
                queue.end = least
                if self.spool is not None:
                    await self.spool.append(session_lines(queue))
                return
            logger.error("session %s cannot be ended: %s", queue.session_id, error.detail)
        queue.end = None
        await self._done([f"end:{queue.session_id}"], 0)

    # ---- rows

    async def _send_rows(self, queue: SessionQueue, kind: str) -> None:
        limit = queue.limit.get(kind, self._batch_size)
        batch = queue.batch(kind, limit, _BATCH_BYTES)
        try:
            await self._post(batch)
        except ApiError as error:
            await self._rows_failed(queue, kind, batch, error)
            return
        queue.recreated = False
        queue.limit[kind] = min(self._batch_size, limit * 2)

    async def _send_aside(self, queue: SessionQueue) -> None:
        entry = next(iter(queue.aside.values()))
        try:
            await self._post([entry])
        except ApiError as error:
            if error.status == 500:
                self._set_aside(queue, entry)
            else:
                await self._rows_failed(queue, entry.kind, [entry], error)

    def _set_aside(self, queue: SessionQueue, entry: Entry) -> None:
        self._outbox.set_aside(entry)
        queue.aside_until = self._clock() + queue.aside_backoff.next()

    async def _post(self, batch: List[Entry]) -> None:
        path = session_path(batch[0].session_id, "movements" if batch[0].kind == MOVEMENT else "metrics")
        body = b"[" + b",".join(entry.data for entry in batch) + b"]"
        answer = await self._transport.request("POST", path, body=body)
        for entry, result in zip(batch, _results(answer, len(batch))):
            if result["status"] == "rejected":
                self._reject(entry, str(result.get("detail", "no reason given")))
            elif result["status"] == "duplicate":
                self.counters.duplicates += 1
            else:
                self.counters.sent += 1
        await self._take_out(batch)

    async def _rows_failed(self, queue: SessionQueue, kind: str, batch: List[Entry], error: ApiError) -> None:
        """The whole request failed. If that may be the fault of one row, find it by halves."""
        if error.status == 404 and not queue.recreated:
            logger.warning("session %s is not there any more (%s): creating it again", queue.session_id, error.detail)
            queue.created, queue.recreated = False, True
            return
        if error.status == 500:
            queue.limit[kind] = max(1, len(batch) // 2)
            if len(batch) == 1:
                self._set_aside(queue, batch[0])
            raise error
        if not is_about_the_request(error):
            raise error
        if len(batch) > 1:
            queue.limit[kind] = len(batch) // 2
            return
        self._reject(batch[0], error.detail)
        await self._take_out(batch)

    async def _take_out(self, batch: List[Entry]) -> None:
        self._outbox.remove(batch)
        await self._done([entry.key for entry in batch], sum(len(entry.data) for entry in batch))

    async def _done(self, keys: List[str], size: int) -> None:
        if self.spool is not None:
            await self.spool.done(keys, size)

    def _reject(self, entry: Entry, detail: str) -> None:
        self.counters.rejected += 1
        logger.warning("%s of session %s refused: %s: %s", entry.kind, entry.session_id, detail, entry.data.decode())
        if self._on_rejected is not None:
            try:
                self._on_rejected(Rejection(entry.kind, entry.session_id, _row(entry), detail))
            except Exception:
                logger.exception("on_rejected failed")

    # ---- trouble

    def _after_error(self, queue: Optional[SessionQueue], error: ApiError) -> None:
        if queue is None or error.status in _EVERYTHING_WAITS or error.status >= 500:
            self._everything_waits(error)
            return
        self.counters.failures += 1
        queue.blocked_until = self._clock() + queue.backoff.next(error.retry_after or 0.0)
        if queue.backoff.failures == 1:
            logger.error("session %s: %s; what it recorded is kept", queue.session_id, error)
            self.tell(error)
        self.last_error = error

    def _everything_waits(self, error: Exception) -> None:
        asked = error.retry_after if isinstance(error, ApiError) else None
        pause = self._backoff.next(asked or 0.0)
        self.counters.failures += 1
        self._resume_at = self._clock() + pause
        self._asked_to_wait = self._clock() + asked if asked else 0.0
        # Once when it begins, and when it becomes something else; the rest is for those who debug.
        new = type(error) is not type(self.last_error) or _status(error) != _status(self.last_error)
        level = logging.DEBUG if not new else logging.ERROR if _status(error) in (401, 407) else logging.WARNING
        logger.log(level, "%s; next try in %.1f s, all is kept", error, pause)
        self.last_error = error
        if new:
            self.tell(error)

    def tell(self, error: Exception) -> None:
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:
                logger.exception("on_error failed")


def _row(entry: Entry) -> JsonObject:
    row: JsonObject = json.loads(entry.data)
    return row


def _status(error: Optional[Exception]) -> int:
    return error.status if isinstance(error, ApiError) else 0


def _results(answer: Any, count: int) -> List[JsonObject]:
    """One result a row, or it was not this API that answered, and nothing is certain."""
    results = answer.get("results") if isinstance(answer, dict) else None
    known = ("recorded", "duplicate", "rejected")
    if (
        not isinstance(results, list)
        or len(results) != count
        or not all(isinstance(result, dict) and result.get("status") in known for result in results)
    ):
        raise NoAnswerError("the answer has not one result for each row")
    return results
