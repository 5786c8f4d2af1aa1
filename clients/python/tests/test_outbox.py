"""The order of the buffer, and what gives way when it is full."""

from __future__ import annotations

import unittest
from typing import List

from people_counter_client.outbox import METRICS, MOVEMENT, Entry, Outbox

from .support import SESSION, entry, session


def keys(entries: List[Entry]) -> List[str]:
    return [each.key for each in entries]


class Order(unittest.TestCase):
    def setUp(self) -> None:
        self.outbox = Outbox(1 << 20)
        self.queue = session(self.outbox)

    def test_oldest_first_and_kept_until_removed(self) -> None:
        entries = [entry(number) for number in range(10)]
        for each in entries:
            self.outbox.add(each)
        first = self.queue.batch(MOVEMENT, 4, 1 << 20)
        self.assertEqual(keys(first), keys(entries[:4]))
        self.assertEqual(keys(self.queue.batch(MOVEMENT, 4, 1 << 20)), keys(first))
        self.outbox.add(entry(10))
        self.outbox.remove(first)
        self.assertEqual(keys(self.queue.batch(MOVEMENT, 100, 1 << 20)), keys(entries[4:]) + ["id-00000010"])

    def test_a_batch_has_a_size_but_at_least_one_row(self) -> None:
        for number in range(3):
            self.outbox.add(entry(number, padding=1000))
        self.assertEqual(len(self.queue.batch(MOVEMENT, 100, 2300)), 2)
        self.assertEqual(len(self.queue.batch(MOVEMENT, 100, 10)), 1)

    def test_the_kind_with_the_oldest_row_is_next(self) -> None:
        self.assertIsNone(self.queue.next_kind())
        self.outbox.add(entry(2, MOVEMENT))
        self.outbox.add(entry(1, METRICS))
        self.assertEqual(self.queue.next_kind(), METRICS)
        self.outbox.remove([entry(1, METRICS)])
        self.assertEqual(self.queue.next_kind(), MOVEMENT)

    def test_sessions_take_turns(self) -> None:
        session(self.outbox, "other")
        for number in range(4):
            self.outbox.add(entry(number))
            self.outbox.add(entry(number + 10, session_id="other"))
        turns = [self.outbox.next_queue(0.0) for _ in range(4)]
        self.assertEqual([turn.session_id for turn in turns if turn], [SESSION, "other", SESSION, "other"])

    def test_a_blocked_session_is_passed_over(self) -> None:
        self.outbox.add(entry(1))
        self.queue.blocked_until = 50.0
        self.assertIsNone(self.outbox.next_queue(49.0))
        self.assertEqual(self.outbox.due_at(), 50.0)
        self.assertIs(self.outbox.next_queue(50.0), self.queue)

    def test_an_end_waits_for_what_was_set_aside(self) -> None:
        self.outbox.add(entry(1))
        self.queue.end = {}
        self.outbox.set_aside(entry(1))
        self.queue.aside_until = 10.0
        self.assertEqual(self.outbox.due_at(), 10.0)
        self.assertEqual(self.outbox.remaining().movements, 1)
        self.outbox.remove([entry(1)])
        self.assertEqual((self.outbox.due_at(), self.outbox.bytes), (0.0, 0))


class Full(unittest.TestCase):
    def test_the_oldest_metrics_give_way(self) -> None:
        outbox = Outbox(entry(0).cost * 4)
        session(outbox)
        session(outbox, "other")
        outbox.add(entry(3, METRICS))
        outbox.add(entry(1, METRICS, "other"))
        outbox.add(entry(2))
        outbox.add(entry(4))
        self.assertEqual(keys(outbox.make_room(entry(5))), ["id-00000001"])
        outbox.add(entry(5))
        self.assertEqual(keys(outbox.make_room(entry(6))), ["id-00000003"])
        outbox.add(entry(6))
        self.assertEqual(outbox.make_room(entry(7)), [])
        self.assertFalse(outbox.fits(entry(7)))
        self.assertEqual(outbox.count(MOVEMENT), 4)

    def test_bytes_are_given_back_once(self) -> None:
        outbox = Outbox(1 << 20)
        session(outbox)
        outbox.add(entry(1))
        outbox.add(entry(1))
        self.assertEqual(outbox.bytes, entry(1).cost)
        outbox.remove([entry(1), entry(1)])
        self.assertEqual(outbox.bytes, 0)

    def test_a_session_is_forgotten_when_all_is_done(self) -> None:
        outbox = Outbox(1 << 20)
        queue = session(outbox)
        outbox.add(entry(1))
        queue.current = True
        outbox.remove([entry(1)])
        outbox.forget_done()
        self.assertIn(SESSION, outbox.queues)
        queue.current = False
        outbox.forget_done()
        self.assertNotIn(SESSION, outbox.queues)


if __name__ == "__main__":
    unittest.main()
