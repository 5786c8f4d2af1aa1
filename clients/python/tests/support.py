"""A server that is a script, and a clock that stands still."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from people_counter_client.backoff import Backoff
from people_counter_client.errors import ApiError, NoAnswerError
from people_counter_client.outbox import MOVEMENT, Entry, Outbox, SessionQueue
from people_counter_client.sender import Sender

SESSION = "018f0000-0000-7000-8000-000000000000"


def entry(number: int, kind: str = MOVEMENT, session_id: str = SESSION, padding: int = 0) -> Entry:
    row = {"id": f"id-{number:08d}", "person_id": number, "padding": "x" * padding}
    return Entry(str(row["id"]), session_id, kind, json.dumps(row).encode())


def session(outbox: Outbox, session_id: str = SESSION, created: bool = True) -> SessionQueue:
    return outbox.open(SessionQueue(session_id, {"id": session_id, "start_time": "t", "fps": 1}, created=created))


class FakeServer:
    """Answers every row with recorded or duplicate. fail is asked before and may raise or answer, lose after that."""

    def __init__(self) -> None:
        self.rows: Dict[str, int] = {}
        self.calls: List[Tuple[str, str, Any]] = []
        self.fail: Optional[Callable[[str, str, Any], Any]] = None
        self.lose: Callable[[], bool] = lambda: False

    async def request(
        self, method: str, path: str, *, params: Optional[Mapping[str, object]] = None, body: Optional[bytes] = None
    ) -> Any:
        said = json.loads(body or b"null")
        self.calls.append((method, path, said))
        answer = self.fail(method, path, said) if self.fail else None
        if answer is not None:
            return answer
        if not isinstance(said, list):
            return {"status": "created"}
        results = []
        for row in said:
            results.append({"movement_id": row["id"], "status": "duplicate" if row["id"] in self.rows else "recorded"})
            self.rows[row["id"]] = self.rows.get(row["id"], 0) + 1
        if self.lose():
            raise NoAnswerError("cut off")
        return {"results": results}

    @property
    def sizes(self) -> List[int]:
        return [len(said) for _, _, said in self.calls if isinstance(said, list)]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refuse(status: int, detail: str = "no", retry_after: Optional[float] = None) -> Callable[[str, str, Any], Any]:
    def fail(method: str, path: str, said: Any) -> Any:
        raise ApiError(status, detail, retry_after)

    return fail


def sender(server: FakeServer, outbox: Outbox, clock: Clock, **options: Any) -> Sender:
    backoff = Backoff(first=1.0, limit=30.0, chance=lambda: 1.0)
    return Sender(server, outbox, backoff=backoff, clock=clock, **options)
