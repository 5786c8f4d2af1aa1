"""What waits in memory to be sent, session by session."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Optional

from .backoff import Backoff
from .models import JsonObject, Remaining

MOVEMENT = "movement"
METRICS = "metrics"
KINDS = (MOVEMENT, METRICS)

# What an entry costs besides its JSON: the objects around it and its place in the queue.
_OVERHEAD = 500


@dataclass(frozen=True)
class Entry:
    """One row, as the JSON that will be sent, however often: neither id nor time changes after it was recorded."""

    key: str
    session_id: str
    kind: str
    data: bytes

    @property
    def cost(self) -> int:
        return len(self.data) + _OVERHEAD


@dataclass
class SessionQueue:
    """What waits for one session: first to be created, then rows in the order of their ids, then to be ended."""

    session_id: str
    creation: JsonObject
    created: bool = False
    end: Optional[JsonObject] = None
    current: bool = False
    # A session that the server did not know any more is made again once.
    recreated: bool = False
    # The trouble of this session alone, which must not hold up the others.
    backoff: Backoff = field(default_factory=Backoff)
    blocked_until: float = 0.0
    rows: Dict[str, "OrderedDict[str, Entry]"] = field(default_factory=lambda: {kind: OrderedDict() for kind in KINDS})
    # Rows that the server stumbles over (500), each on its own, and when to try the first of them again.
    aside: "OrderedDict[str, Entry]" = field(default_factory=OrderedDict)
    aside_until: float = 0.0
    aside_backoff: Backoff = field(default_factory=lambda: Backoff(first=10.0, limit=600.0))
    # How many rows the next request may have; halved to find a bad one, doubled again after.
    limit: Dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        return len(self.rows[kind]) + sum(entry.kind == kind for entry in self.aside.values())

    def next_kind(self) -> Optional[str]:
        """The kind whose oldest row is the oldest: ids are in the order of time."""
        heads = [(next(iter(rows)), kind) for kind, rows in self.rows.items() if rows]
        return min(heads)[1] if heads else None

    def batch(self, kind: str, rows: int, size: int) -> List[Entry]:
        """The oldest rows, at most so many and, but for the first, so many bytes. They stay until they are removed."""
        taken: List[Entry] = []
        for entry in self.rows[kind].values():
            size -= len(entry.data) + 1
            if len(taken) >= rows or (taken and size < 0):
                break
            taken.append(entry)
        return taken

    def has_work(self, ends: bool = True) -> bool:
        """ends says whether the end of the session may be sent already. Rows that were set aside do not count."""
        return not self.created or (ends and self.end is not None and not self.aside) or any(self.rows.values())

    def due_at(self, ends: bool = True) -> Optional[float]:
        """From when on there is something to send; None if nothing waits."""
        times = [self.blocked_until] if self.has_work(ends) else []
        if self.aside:
            times.append(max(self.blocked_until, self.aside_until))
        return min(times) if times else None


class Outbox:
    """The queues of all sessions, within a limit of memory."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.queues: "OrderedDict[str, SessionQueue]" = OrderedDict()

    def queue(self, session_id: str) -> SessionQueue:
        return self.queues[session_id]

    def open(self, queue: SessionQueue) -> SessionQueue:
        return self.queues.setdefault(queue.session_id, queue)

    def forget_done(self) -> None:
        """Sessions that are over and of which nothing waits."""
        for queue in list(self.queues.values()):
            if not queue.current and queue.due_at() is None:
                del self.queues[queue.session_id]

    def fits(self, entry: Entry) -> bool:
        return self.bytes + entry.cost <= self.max_bytes

    def make_room(self, entry: Entry) -> List[Entry]:
        """Drops the oldest metrics until the entry fits or there are none. Movements are not touched."""
        dropped: List[Entry] = []
        while not self.fits(entry):
            queues = [queue for queue in self.queues.values() if queue.rows[METRICS]]
            if not queues:
                break
            oldest = min((next(iter(queue.rows[METRICS].values())) for queue in queues), key=lambda each: each.key)
            self.remove([oldest])
            dropped.append(oldest)
        return dropped

    def add(self, entry: Entry) -> None:
        rows = self.queue(entry.session_id).rows[entry.kind]
        if entry.key not in rows:
            rows[entry.key] = entry
            self.bytes += entry.cost

    def remove(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            queue = self.queue(entry.session_id)
            if queue.rows[entry.kind].pop(entry.key, None) or queue.aside.pop(entry.key, None):
                self.bytes -= entry.cost

    def set_aside(self, entry: Entry) -> None:
        """What the server stumbles over shall not hold up what comes after it. It is kept, and tried again."""
        queue = self.queue(entry.session_id)
        queue.rows[entry.kind].pop(entry.key, None)
        queue.aside[entry.key] = entry
        queue.aside.move_to_end(entry.key)

    def next_queue(self, now: float, ends: bool = True) -> Optional[SessionQueue]:
        """The next session that has something to send, in turn: a long backlog of one does not delay the others."""
        for queue in self.queues.values():
            due_at = queue.due_at(ends)
            if due_at is not None and due_at <= now:
                self.queues.move_to_end(queue.session_id)
                return queue
        return None

    def has_batch(self, size: int) -> bool:
        return any(len(waiting) >= size for queue in self.queues.values() for waiting in queue.rows.values())

    def due_at(self, ends: bool = True) -> Optional[float]:
        """When the first session has something to send; None if nothing waits."""
        times = [due_at for due_at in (queue.due_at(ends) for queue in self.queues.values()) if due_at is not None]
        return min(times) if times else None

    def entries(self) -> Iterator[Entry]:
        for queue in self.queues.values():
            yield from queue.aside.values()
            for kind in KINDS:
                yield from queue.rows[kind].values()

    def count(self, kind: str) -> int:
        return sum(queue.count(kind) for queue in self.queues.values())

    def remaining(self, spilled: int = 0, error: Optional[Exception] = None) -> Remaining:
        return Remaining(
            movements=self.count(MOVEMENT) + spilled,
            metrics=self.count(METRICS),
            sessions=tuple(queue.session_id for queue in self.queues.values() if not queue.created or queue.end),
            error=error,
        )
