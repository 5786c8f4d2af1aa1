"""The file behind the buffer: what was recorded outlives a crash of the program and a power cut.

JSON lines, appended. A row, a session and the end of a session have one each; {"done": [ids]} says what need not be
sent any more, {"created": id} that a session exists. At opening, and when most of the file is done with, it is written
anew beside the old one and put in its place. A line that was torn by a power cut is left out: it was not yet confirmed.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import sys
import time
from typing import BinaryIO, Callable, Dict, Iterable, List, Optional, Set, Tuple

from .client import to_json
from .errors import SpoolError
from .models import JsonObject
from .outbox import KINDS, MOVEMENT, Entry, Outbox, SessionQueue

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

_GARBAGE = 4 << 20   # bytes that are done with before the file is written anew, at least
_REFILL = 1000       # lines that are read back at a time
_AROUND = 75         # bytes of a line around its row
_REPAIR_AFTER = 5.0  # seconds before a spool that could not be written is tried again


def entry_line(entry: Entry) -> bytes:
    head = to_json({"kind": entry.kind, "session": entry.session_id})
    return head[:-1] + b',"row":' + entry.data + b"}\n"


def session_lines(queue: SessionQueue) -> bytes:
    record = {"kind": "session", "session": queue.session_id, "row": queue.creation, "created": queue.created}
    lines = to_json(record) + b"\n"
    if queue.end is not None:
        lines += end_line(queue.session_id, queue.end)
    return lines


def end_line(session_id: str, end: JsonObject) -> bytes:
    return to_json({"kind": "end", "session": session_id, "row": end}) + b"\n"


def _parse(line: bytes) -> Optional[JsonObject]:
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        record = None
    return record if isinstance(record, dict) else None


def _entry(record: JsonObject) -> Optional[Entry]:
    row = record.get("row")
    if record.get("kind") not in KINDS or not isinstance(row, dict) or "id" not in row:
        return None
    return Entry(str(row["id"]), str(record.get("session")), str(record["kind"]), to_json(row))


class Spool:
    """One file, one process, one event loop. While it is spilling, because memory is full, what is recorded is in the
    file only, from _spill_from on; spilled is the number of these movements."""

    def __init__(
        self, path: str, outbox: Outbox, fsync: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._outbox = outbox
        self._fsync = fsync
        self._clock = clock
        self._file: Optional[BinaryIO] = None
        self._lock_file: Optional[BinaryIO] = None
        self._size = 0
        self._garbage = 0
        self._synced = 0
        self._written = 0
        self._spill_from = 0
        self._repair_at = 0.0
        self.spilling = False
        self.spilled = 0
        self.broken = False

    # ---- opening and closing

    async def open(self) -> None:
        """Reads what an earlier run left into the outbox, as far as memory goes."""
        self._io = asyncio.Lock()  # here and not before: it belongs to the loop
        self._lock()
        try:
            await asyncio.to_thread(self._load)
        except OSError as error:
            self._unlock()
            raise SpoolError(f"cannot use the spool {self._path}: {error}") from error
        await self.refill()

    def _lock(self) -> None:
        try:
            self._lock_file = open(self._path + ".lock", "ab")
            if sys.platform != "win32":
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._unlock()
            raise SpoolError(f"the spool {self._path} is in use by another process") from error
        except OSError as error:
            raise SpoolError(f"cannot use the spool {self._path}: {error}") from error

    def _unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    async def close(self) -> None:
        async with self._io:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._unlock()

    def _load(self) -> None:
        """Two passes, since the file may be larger than memory: what is done with, then the rest, sessions first."""
        sessions: Dict[str, SessionQueue] = {}
        done: Set[str] = set()
        bad = 0
        for record in self._records():
            if record is None:
                bad += 1
                continue
            done.update(str(key) for key in record.get("done", ()))
            session_id, row = str(record.get("session")), record.get("row")
            if record.get("kind") == "session" and isinstance(row, dict):
                sessions[session_id] = SessionQueue(session_id, row, created=bool(record.get("created")))
            elif record.get("kind") == "end" and isinstance(row, dict) and session_id in sessions:
                sessions[session_id].end = row
            elif str(record.get("created")) in sessions:
                sessions[str(record["created"])].created = True
        for session_id, queue in sessions.items():
            if f"end:{session_id}" in done:
                queue.end = None
        if bad:
            logger.warning("spool %s: %d damaged lines left out", self._path, bad)
        live: Set[str] = set()
        for record in self._records():
            entry = _entry(record) if record else None
            if entry and entry.key not in done and entry.session_id in sessions:
                live.add(entry.session_id)
        for session_id, queue in sessions.items():
            if f"session:{session_id}" not in done and (queue.has_work() or session_id in live):
                self._outbox.open(queue)

        def rows() -> Iterable[bytes]:
            for record in self._records():
                entry = _entry(record) if record else None
                if entry and entry.key not in done and entry.session_id in self._outbox.queues:
                    done.add(entry.key)
                    self.spilled += entry.kind == MOVEMENT
                    yield entry_line(entry)

        head = [session_lines(queue) for queue in self._outbox.queues.values()]
        self._spill_from = self._rewrite(head, rows())
        self.spilling = self._size > self._spill_from

    def _records(self) -> Iterable[Optional[JsonObject]]:
        if os.path.exists(self._path):
            with open(self._path, "rb") as file:
                for line in file:
                    yield _parse(line)

    # ---- writing

    async def append(self, lines: bytes) -> bool:
        """Writes at the end; answers whether it is in the file. It is safe from a power cut after sync()."""
        async with self._io:
            if self.broken and self._clock() >= self._repair_at:
                await self._compact()
            if self.broken or self._file is None:
                return False
            try:
                if self._file.write(lines) != len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                self._break(error)
                return False
            self._size += len(lines)
            self._written += 1
            return True

    async def sync(self) -> None:
        """Waits until everything written so far is on the disk. Those who wait share one fsync."""
        if not self._fsync:
            return
        target = self._written
        async with self._io:
            if self._synced >= target or self.broken or self._file is None:
                return
            target = self._written
            try:
                await asyncio.to_thread(os.fsync, self._file.fileno())
                self._synced = target
            except OSError as error:
                self._break(error)

    def spill(self, lines: bytes) -> None:
        """The lines just appended stay in the file only."""
        if not self.spilling:
            self._spill_from = self._size - len(lines)
            self.spilling = True
            logger.warning("the buffer is full of movements; more of them go to the spool %s only", self._path)
        self.spilled += 1

    async def done(self, keys: List[str], size: int) -> None:
        lines = to_json({"done": keys}) + b"\n"
        self._garbage += size + _AROUND * len(keys) + len(lines)
        await self.append(lines)
        if self._garbage > _GARBAGE and self._garbage > self._size // 2:
            await self.compact()

    async def compact(self) -> None:
        async with self._io:
            if self._garbage and self._file is not None:
                await self._compact()

    def _break(self, error: OSError) -> None:
        if not self.broken:
            logger.error("spool %s: %s; what is recorded is in memory only until it can be written", self._path, error)
        self.broken = True
        self._repair_at = self._clock() + _REPAIR_AFTER

    async def _compact(self) -> None:
        """Writes what is still to be sent into a new file. Called with the lock."""
        head = [session_lines(queue) for queue in self._outbox.queues.values()]
        held = [entry_line(entry) for entry in self._outbox.entries()]
        try:
            self._spill_from = await asyncio.to_thread(self._rewrite, head + held, self._spilled_lines())
            self.broken = False
        except OSError as error:
            self._break(error)

    def _spilled_lines(self) -> Iterable[bytes]:
        if not self.spilling:
            return
        with open(self._path, "rb") as file:
            file.seek(self._spill_from)
            for line in file:
                record = _parse(line)
                if record and record.get("kind") in KINDS:
                    yield line

    def _rewrite(self, head: Iterable[bytes], tail: Iterable[bytes]) -> int:
        """Puts a new file in the place of the old one; answers where the tail begins in it."""
        beside = self._path + ".new"
        with open(beside, "wb") as file:
            for lines in head:
                file.write(lines)
            begin = file.tell()
            for lines in tail:
                file.write(lines)
            size = file.tell()
            file.flush()
            if self._fsync:
                os.fsync(file.fileno())
        if self._file is not None:
            self._file.close()
            self._file = None
        os.replace(beside, self._path)
        if self._fsync and sys.platform != "win32":
            directory = os.open(os.path.dirname(os.path.abspath(self._path)), os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        self._file = open(self._path, "ab", buffering=0)
        self._size, self._garbage, self._synced = size, 0, self._written
        return begin

    # ---- reading back

    async def refill(self) -> None:
        """Brings spilled rows back into memory, in their order, while there is room."""
        more = True
        while self.spilling and more:
            async with self._io:
                begin = self._spill_from
                entries, self._spill_from, at_end = self._read_back()
                for entry in entries:
                    self._outbox.add(entry)
                    self.spilled -= entry.kind == MOVEMENT
                if at_end:
                    self.spilling, self.spilled = False, 0
                more = self._spill_from > begin
            await asyncio.sleep(0)

    def _read_back(self) -> Tuple[List[Entry], int, bool]:
        """The next rows that fit, where the ones after them begin, and whether there are none."""
        entries: List[Entry] = []
        room = self._outbox.max_bytes - self._outbox.bytes
        with open(self._path, "rb") as file:
            file.seek(self._spill_from)
            while len(entries) < _REFILL:
                before = file.tell()
                line = file.readline()
                if not line:
                    return entries, before, True
                record = _parse(line)
                entry = _entry(record) if record else None
                if entry is None or entry.session_id not in self._outbox.queues:
                    continue
                room -= entry.cost
                if room < 0 and (entries or self._outbox.bytes):
                    return entries, before, False
                entries.append(entry)
            return entries, file.tell(), False
