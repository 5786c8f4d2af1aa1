"""Ids, pauses, and rows as they are sent."""

from __future__ import annotations

import json
import unittest
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, List

from people_counter_client import UuidV7, rows
from people_counter_client.backoff import Backoff
from people_counter_client.client import _detail, retry_after, to_json


class Ids(unittest.TestCase):
    def test_version_and_time(self) -> None:
        made = uuid.UUID(UuidV7(clock_ns=lambda: 1_700_000_000_123_456_789)())
        self.assertEqual((made.version, made.variant), (7, uuid.RFC_4122))
        self.assertEqual(made.int >> 80, 1_700_000_000_123)
        self.assertEqual(made.int >> 64 & 0xFFF, 456_789 * 4096 // 1_000_000)

    def test_order_whatever_the_clock_does(self) -> None:
        clock = [10**18]
        new = UuidV7(clock_ns=lambda: clock[0])
        ids: List[str] = []
        for step in (0, 1, 0, -5_000_000_000, 3, 10**9) * 2000:
            clock[0] += step
            ids.append(new())
        self.assertEqual(ids, sorted(ids))
        self.assertEqual(len(set(ids)), len(ids))

    def test_a_standing_clock_carries_into_the_milliseconds(self) -> None:
        new = UuidV7(clock_ns=lambda: 5_000_000, random_bits=lambda bits: 0)
        ids = [uuid.UUID(new()) for _ in range(5000)]
        self.assertEqual(ids[4999].int >> 80, 6)
        self.assertEqual(ids, sorted(ids))


class Pauses(unittest.TestCase):
    def test_doubles_up_to_the_limit(self) -> None:
        backoff = Backoff(first=0.5, limit=4.0, chance=lambda: 1.0)
        self.assertEqual([backoff.next() for _ in range(6)], [0.5, 1.0, 2.0, 4.0, 4.0, 4.0])
        backoff.reset()
        self.assertEqual(backoff.next(), 0.5)

    def test_half_is_chance(self) -> None:
        self.assertEqual(Backoff(first=2.0, chance=lambda: 0.0).next(), 1.0)
        self.assertEqual(Backoff(first=2.0, chance=lambda: 0.5).next(), 1.5)

    def test_not_less_than_asked_and_no_overflow(self) -> None:
        backoff = Backoff(first=0.5, limit=30.0, chance=lambda: 1.0)
        self.assertEqual(backoff.next(at_least=7.0), 7.0)
        self.assertEqual([backoff.next() for _ in range(5000)][-1], 30.0)

    def test_retry_after(self) -> None:
        self.assertEqual(retry_after("120"), 120.0)
        self.assertEqual(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412420.0), 60.0)
        self.assertEqual(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now=1500000000.0), 0.0)
        for nothing in (None, "", "soon"):
            self.assertIsNone(retry_after(nothing))


class Numpy:
    """What matters of a numpy number: int() and float() work, json does not know it, item() is the plain one."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def item(self) -> float:
        return self.value


class Rows(unittest.TestCase):
    def movement(self, **changes: Any) -> Any:
        values: Any = dict(
            key="k", time=None, person_id=1, direction="in", centroid=(1, 2), bounding_box=(1, 2, 3, 4),
            confidence=0.5, frame_number=7,
        )
        values.update(changes)
        return rows.movement(**values)

    def test_all_columns(self) -> None:
        when = datetime(2025, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
        self.assertEqual(
            self.movement(time=when),
            {
                "id": "k", "person_id": 1, "movement_direction": "in", "movement_time": "2025-06-01T10:00:00+00:00",
                "centroid_x": 1.0, "centroid_y": 2.0, "bounding_box_x1": 1.0, "bounding_box_y1": 2.0,
                "bounding_box_x2": 3.0, "bounding_box_y2": 4.0, "confidence_score": 0.5, "frame_number": 7,
            },
        )

    def test_what_a_tracker_has(self) -> None:
        row = self.movement(
            person_id=Numpy(5), centroid=(Numpy(1.5), float("nan")), bounding_box=(), confidence=float("inf"),
            frame_number=None,
        )
        self.assertEqual(row["person_id"], 5)
        self.assertEqual(row["centroid_x"], 1.5)
        for name in ("centroid_y", "bounding_box_x1", "confidence_score", "frame_number"):
            self.assertNotIn(name, row)
        json.loads(to_json(row))

    def test_mistakes_are_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "direction.*'up'"):
            self.movement(direction="up")
        with self.assertRaisesRegex(ValueError, "time zone"):
            self.movement(time=datetime(2025, 6, 1))
        with self.assertRaisesRegex(ValueError, "4 numbers.*not 2"):
            self.movement(bounding_box=(1, 2))

    def test_settings_of_a_session(self) -> None:
        sent = rows.as_sent({"fps": Numpy(2.5), "start_time": datetime(2025, 6, 1, tzinfo=timezone.utc)})
        self.assertEqual(sent, {"fps": 2.5, "start_time": "2025-06-01T00:00:00+00:00"})
        with self.assertRaisesRegex(TypeError, "object"):
            rows.as_sent({"fps": object()})

    def test_detail_of_whoever_answers(self) -> None:
        self.assertEqual(_detail('{"detail": "fps: -1", "timestamp": "t"}', "Bad Request"), "fps: -1")
        self.assertEqual(_detail('{"message": "m"}', None), "m")
        self.assertEqual(_detail("<html>502</html>", "Bad Gateway"), "<html>502</html>")
        self.assertEqual(_detail("", "Bad Gateway"), "Bad Gateway")


if __name__ == "__main__":
    unittest.main()
