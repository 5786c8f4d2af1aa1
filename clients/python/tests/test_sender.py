"""What an answer means: which rows go, which stay, and how long the next try waits."""

from __future__ import annotations

import logging
import unittest
from typing import Any, List

from people_counter_client.errors import ApiError
from people_counter_client.models import Rejection
from people_counter_client.outbox import METRICS, MOVEMENT, Outbox

from .support import SESSION, Clock, FakeServer, entry, refuse, sender, session


class SenderCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.server, self.outbox, self.clock = FakeServer(), Outbox(1 << 24), Clock()
        self.rejected: List[Rejection] = []
        self.errors: List[Exception] = []
        self.sender = sender(
            self.server, self.outbox, self.clock, batch_size=8,
            on_rejected=self.rejected.append, on_error=self.errors.append,
        )
        self.queue = session(self.outbox)

    def add(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.outbox.add(entry(number))

    async def drain(self, requests: int = 100) -> None:
        """Steps until nothing is left, moving the clock to wherever the sender waits for."""
        for _ in range(requests):
            wait = self.sender.wait()
            if wait is None:
                return
            self.clock.now += wait
            await self.sender.step()
        self.fail(f"not done after {requests} requests: {self.outbox.remaining()}")


class Answers(SenderCase):
    async def test_batches_in_order(self) -> None:
        self.add(20)
        await self.drain()
        self.assertEqual(self.server.sizes, [8, 8, 4])
        self.assertEqual(list(self.server.rows), [f"id-{number:08d}" for number in range(20)])
        self.assertEqual(self.sender.counters.sent, 20)

    async def test_creation_comes_first_and_the_end_last(self) -> None:
        self.queue.created, self.queue.end = False, {"status": "completed"}
        self.add(1)
        self.outbox.add(entry(2, METRICS))
        await self.drain()
        self.assertEqual(
            [(method, path.replace(SESSION, "id")) for method, path, _ in self.server.calls],
            [("POST", "/sessions"), ("POST", "/sessions/id/movements"), ("POST", "/sessions/id/metrics"),
             ("PUT", "/sessions/id")],
        )
        self.assertNotIn(SESSION, self.outbox.queues)

    async def test_a_lost_answer_is_sent_again_unchanged(self) -> None:
        lost = [True]
        self.server.lose = lambda: bool(lost and lost.pop())
        self.add(5)
        await self.drain()
        self.assertEqual(self.server.calls[0], self.server.calls[1])
        self.assertEqual((self.sender.counters.sent, self.sender.counters.duplicates), (0, 5))

    async def test_an_answer_of_somebody_else_settles_nothing(self) -> None:
        for answer in ({"hello": 1}, [], {"results": []}, {"results": [{"status": "fine"}]}, "ok"):
            self.server.fail = lambda method, path, said: answer
            self.add(1)
            self.assertFalse(await self.sender.step())
            self.assertEqual(self.outbox.count(MOVEMENT), 1)
            self.clock.now += 60

    async def test_rejected_rows_are_reported_and_not_repeated(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            return {"results": [
                {"status": "rejected", "detail": "too late"} if row["person_id"] == 1 else {"status": "recorded"}
                for row in said
            ]}

        self.server.fail = fail
        self.add(3)
        await self.drain()
        self.assertEqual(self.server.sizes, [3])
        self.assertEqual([(each.row["person_id"], each.detail) for each in self.rejected], [(1, "too late")])
        self.assertEqual((self.sender.counters.sent, self.sender.counters.rejected), (2, 1))

    async def test_a_callback_that_fails_is_no_trouble(self) -> None:
        def bad(_: Rejection) -> None:
            raise RuntimeError("mine")

        self.sender = sender(self.server, self.outbox, self.clock, on_rejected=bad)
        self.server.fail = lambda method, path, said: {"results": [{"status": "rejected"}] * len(said)}
        self.add(2)
        await self.drain()
        self.assertEqual(self.sender.counters.rejected, 2)


class Trouble(SenderCase):
    async def test_everything_is_kept_and_pauses_grow(self) -> None:
        for status in (408, 429, 502, 503, 504, 401):
            self.setUp()
            self.server.fail = refuse(status)
            self.add(1)
            waits = []
            for _ in range(3):
                self.assertFalse(await self.sender.step())
                waits.append(self.sender.wait())
                self.clock.now += waits[-1] or 0
            self.assertEqual(waits, [1.0, 2.0, 4.0], status)
            self.assertEqual(self.outbox.count(MOVEMENT), 1)
            self.assertEqual(self.rejected, [])
            self.server.fail = None
            await self.drain()
            self.assertIn("id-00000000", self.server.rows)

    async def test_retry_after_is_honoured_even_by_a_flush(self) -> None:
        self.server.fail = refuse(429, retry_after=17.0)
        self.add(1)
        await self.sender.step()
        self.sender.try_now()
        self.assertEqual(self.sender.wait(), 17.0)
        self.assertFalse(await self.sender.step())
        self.assertEqual(len(self.server.calls), 1)

    async def test_a_flush_ends_a_pause_of_our_own(self) -> None:
        self.server.fail = refuse(503)
        self.add(1)
        await self.sender.step()
        self.assertEqual(self.sender.wait(), 1.0)
        self.sender.try_now()
        self.assertEqual(self.sender.wait(), 0.0)

    async def test_an_error_is_told_once(self) -> None:
        self.server.fail = refuse(401, "no such key")
        self.add(1)
        for _ in range(3):
            await self.sender.step()
            self.clock.now += 60
        self.assertEqual([str(error) for error in self.errors], ["401: no such key"])
        self.assertIsInstance(self.sender.last_error, ApiError)
        self.server.fail = None
        await self.drain()
        self.assertIsNone(self.sender.last_error)

    async def test_a_forbidden_session_does_not_hold_up_another(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            if SESSION in path:
                raise ApiError(403, "not yours")

        self.server.fail = fail
        session(self.outbox, "other")
        self.add(3)
        self.outbox.add(entry(9, session_id="other"))
        self.assertFalse(await self.sender.step())
        self.assertTrue(await self.sender.step())
        self.assertEqual(list(self.server.rows), ["id-00000009"])
        self.assertEqual(self.outbox.count(MOVEMENT), 3)
        self.assertEqual([str(error) for error in self.errors], ["403: not yours"])

    async def test_one_bad_row_is_found_by_halves(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            if any(row["person_id"] == 5 for row in said):
                raise ApiError(400, "cannot read it")

        self.server.fail = fail
        self.add(16)
        await self.drain()
        self.assertEqual(len(self.server.rows), 15)
        self.assertEqual([each.row["person_id"] for each in self.rejected], [5])
        self.assertEqual(self.clock.now, 1000.0)  # no pause: the server is well

    async def test_a_row_that_breaks_the_server_holds_up_nothing_and_is_kept(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            if isinstance(said, list) and any(row["person_id"] == 5 for row in said):
                raise ApiError(500, "internal error")

        self.server.fail = fail
        self.add(16)
        for _ in range(60):
            self.clock.now += self.sender.wait() or 0
            await self.sender.step()
        self.assertEqual(len(self.server.rows), 15)
        self.assertEqual((self.rejected, self.outbox.count(MOVEMENT)), ([], 1))
        self.add(1, first=100)
        self.assertEqual(self.sender.wait(), 0.0)
        await self.sender.step()
        self.assertIn("id-00000100", self.server.rows)
        self.server.fail = None
        await self.drain()
        self.assertIn("id-00000005", self.server.rows)


class Sessions(SenderCase):
    async def test_a_conflict_about_our_own_id_is_success(self) -> None:
        self.queue.created = False
        self.server.fail = lambda method, path, said: refuse(409)(method, path, said) if path == "/sessions" else None
        self.add(1)
        await self.drain()
        self.assertEqual(len(self.server.rows), 1)

    async def test_settings_that_are_refused_late_cost_no_movement(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            if path == "/sessions" and "fps" in said:
                raise ApiError(400, "fps: 1")

        self.server.fail, self.queue.created = fail, False
        self.add(2)
        await self.drain()
        self.assertEqual(self.server.calls[1][2], {"id": SESSION, "start_time": "t"})
        self.assertEqual(len(self.server.rows), 2)
        self.assertEqual([str(error) for error in self.errors], ["400: fps: 1"])

    async def test_a_session_that_was_deleted_is_made_again_once(self) -> None:
        gone = [True]

        def fail(method: str, path: str, said: Any) -> Any:
            if path == "/sessions":
                gone.clear()
            elif gone:
                raise ApiError(404, "no such session")

        self.server.fail = fail
        self.add(2)
        await self.drain()
        self.assertEqual(len(self.server.rows), 2)

    async def test_a_session_that_stays_unknown_waits(self) -> None:
        self.server.fail = lambda method, path, said: None if path == "/sessions" else refuse(404)(method, path, said)
        self.add(2)
        for _ in range(5):
            self.clock.now += self.sender.wait() or 0
            await self.sender.step()
        self.assertEqual([path for _, path, _ in self.server.calls].count("/sessions"), 1)
        self.assertEqual((self.outbox.count(MOVEMENT), self.rejected), (2, []))

    async def test_an_end_with_bad_figures_ends_all_the_same(self) -> None:
        def fail(method: str, path: str, said: Any) -> Any:
            if "frames" in said:
                raise ApiError(400, "unknown key frames")

        self.server.fail, self.queue.end = fail, {"frames": 1, "status": "completed", "end_time": "t"}
        await self.drain()
        self.assertEqual(self.server.calls[-1][2], {"status": "completed", "end_time": "t"})


if __name__ == "__main__":
    unittest.main()
