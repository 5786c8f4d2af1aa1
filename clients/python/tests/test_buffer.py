"""The buffer at work, and the calls of the contract, against a server that is a script."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import unittest
from typing import Any, List, Optional
from unittest import mock

from people_counter_client import (
    ApiError,
    BufferFullError,
    NoAnswerError,
    NoSessionError,
    PeopleCounterClient,
    PeopleCounterError,
    PeopleCounterIntegration,
)

from .support import FakeServer, refuse


def away(method: str, path: str, said: Any) -> Any:
    raise NoAnswerError("connection refused")


class BufferCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.spool = os.path.join(directory.name, "spool")
        self.server = FakeServer()
        patch = mock.patch.object(PeopleCounterClient, "request", self.server.request)
        patch.start()
        self.addCleanup(patch.stop)

    def integration(self, **options: Any) -> PeopleCounterIntegration:
        options.setdefault("retry_first", 0.001)
        options.setdefault("retry_limit", 0.01)
        return PeopleCounterIntegration("http://localhost:1", **options)

    async def until_there(self, count: int) -> None:
        while len(self.server.rows) < count:
            await asyncio.sleep(0)

    def sent_persons(self) -> List[int]:
        """In the order in which they first arrived."""
        known, persons = set(), []
        for _, path, said in self.server.calls:
            for row in said if path.endswith("/movements") else ():
                if row["id"] in self.server.rows and row["id"] not in known:
                    known.add(row["id"])
                    persons.append(row["person_id"])
        return persons

    async def fill(self, integration: PeopleCounterIntegration, count: int, first: int = 0) -> None:
        for person in range(first, first + count):
            await integration.record_people_movement(person, "in")


class Sending(BufferCase):
    async def test_a_row_after_a_quiet_time_goes_at_once(self) -> None:
        async with self.integration(flush_interval=3600.0) as integration:
            await integration.start_counting_session()
            await integration.record_people_movement(1, "in")
            await asyncio.wait_for(self.until_there(1), 30)

    async def test_within_the_interval_a_full_batch_goes(self) -> None:
        async with self.integration(flush_interval=3600.0, batch_size=10) as integration:
            await integration.start_counting_session()
            await integration.record_people_movement(0, "in")
            await asyncio.wait_for(self.until_there(1), 30)
            await self.fill(integration, 9, first=1)
            for _ in range(100):
                await asyncio.sleep(0)
            self.assertEqual(len(self.server.rows), 1)
            await integration.record_people_movement(10, "in")
            await asyncio.wait_for(self.until_there(11), 30)
            self.assertEqual(self.server.sizes, [1, 10])

    async def test_auto_flush_check_lets_it_go_on(self) -> None:
        async with self.integration() as integration:
            await integration.start_counting_session()
            await integration.record_people_movement(1, "in")
            await integration.auto_flush_check()
            self.assertEqual(len(self.server.rows), 1)

    async def test_without_permission_a_flush_does_not_wait(self) -> None:
        errors: List[Exception] = []
        async with self.integration(on_error=errors.append, flush_timeout=3600.0) as integration:
            await integration.start_counting_session()
            self.server.fail = refuse(401, "the key has expired")
            await self.fill(integration, 3)
            left = await asyncio.wait_for(integration.flush(), 30)
            self.assertEqual((left.movements, str(left.error)), (3, "401: the key has expired"))
            self.assertEqual(len(errors), 1)
            self.server.fail = None
            self.assertFalse(await integration.flush())

    async def test_what_is_left(self) -> None:
        integration = self.integration()
        await integration.initialize()
        await integration.start_counting_session()
        self.server.fail = away
        await self.fill(integration, 3)
        left = await integration.close(timeout=0.01)
        self.assertEqual((left.movements, bool(left)), (3, True))
        self.assertIsInstance(left.error, NoAnswerError)


class Calls(BufferCase):
    async def test_misuse_is_told(self) -> None:
        integration = self.integration()
        with self.assertRaisesRegex(PeopleCounterError, "initialize"):
            await integration.record_people_movement(1, "in")
        async with integration:
            self.assertIs(False, await integration.end_counting_session({}))
            with self.assertRaises(NoSessionError):
                await integration.record_people_movement(1, "in")
            await integration.start_counting_session()
            with self.assertRaises(ValueError):
                await integration.record_people_movement(1, "up")
            self.assertFalse(integration.pending.movements)
        for wrong in ({"batch_size": 0}, {"buffer_max_bytes": 100}):
            with self.assertRaisesRegex(ValueError, next(iter(wrong))):
                self.integration(**wrong)

    async def test_a_refused_session_leaves_nothing_behind(self) -> None:
        async with self.integration(spool_path=self.spool) as integration:
            self.server.fail = refuse(400, "fps: -1")
            with self.assertRaises(ApiError):
                await integration.start_counting_session({"fps": -1})
            self.assertIsNone(integration.session_id)
            self.assertFalse(integration.pending)
        self.server.fail = None
        async with self.integration(spool_path=self.spool) as integration:
            self.assertFalse(integration.pending)
        self.assertEqual(len(self.server.calls), 1)

    async def test_an_end_says_its_time_and_comes_after_all_rows(self) -> None:
        async with self.integration(flush_interval=3600.0) as integration:
            await integration.start_counting_session()
            await self.fill(integration, 3)
            self.assertIs(True, await integration.end_counting_session())
        method, _, said = self.server.calls[-1]
        self.assertEqual((method, said["status"], set(said)), ("PUT", "completed", {"status", "end_time"}))
        self.assertEqual(len(self.server.rows), 3)

    async def test_an_end_in_an_outage_outlives_the_program(self) -> None:
        async with self.integration(spool_path=self.spool, flush_timeout=0.01) as integration:
            self.server.fail = away
            await integration.start_counting_session({"session_name": "door"})
            await self.fill(integration, 3)
            self.assertIs(False, await integration.end_counting_session({"total_frames": 5}))
        self.server.fail = None
        self.server.calls.clear()
        async with self.integration(spool_path=self.spool) as integration:
            self.assertFalse(await integration.flush())
        self.assertEqual([method for method, _, _ in self.server.calls], ["POST", "POST", "PUT"])
        self.assertEqual(self.server.calls[0][2]["session_name"], "door")
        self.assertEqual(self.server.calls[2][2]["total_frames"], 5)
        self.assertEqual(os.path.getsize(self.spool), 0)


class Full(BufferCase):
    def small(self, **options: Any) -> PeopleCounterIntegration:
        return self.integration(buffer_max_bytes=65536, spool_fsync=False, **options)

    async def fill_up(self, integration: PeopleCounterIntegration) -> int:
        await integration.start_counting_session()
        self.server.fail = away
        for person in range(10_000):
            try:
                await integration.record_people_movement(person, "in")
            except BufferFullError:
                return person
        return 10_000

    async def test_without_a_spool_the_program_is_told(self) -> None:
        async with self.integration(buffer_max_bytes=65536, flush_timeout=30) as integration:
            taken = await self.fill_up(integration)
            self.assertTrue(50 < taken < 200, taken)
            self.assertIs(False, await integration.record_system_metrics(1, "waiting"))
            self.assertEqual(integration.counters.metrics_dropped, 1)
            self.server.fail = None
            self.assertFalse(await integration.flush())
        self.assertEqual(self.sent_persons(), list(range(taken)))

    async def test_metrics_make_room_for_movements(self) -> None:
        async with self.small(spool_path=self.spool) as integration:
            await integration.start_counting_session()
            self.server.fail = away
            while not integration.counters.metrics_dropped:
                self.assertIs(True, await integration.record_system_metrics(1, "waiting"))
            kept = integration.pending.metrics
            await self.fill(integration, 10)
            self.assertEqual(integration.pending.movements, 10)
            self.assertLess(integration.pending.metrics, kept)
            self.server.fail = None
            self.assertFalse(await integration.flush())
        self.assertEqual(self.sent_persons(), list(range(10)))

    async def test_with_a_spool_all_of_them_arrive_in_order(self) -> None:
        async with self.small(spool_path=self.spool, batch_size=40) as integration:
            self.assertEqual(await self.fill_up(integration), 10_000)
            self.assertEqual(integration.pending.movements, 10_000)
            self.server.fail = None
            await self.until_there(2_000)
            await self.fill(integration, 500, first=10_000)
            self.assertFalse(await integration.flush(timeout=600))
        self.assertEqual(self.sent_persons(), list(range(10_500)))
        self.assertEqual(set(self.server.rows.values()), {1})

    async def test_an_end_waits_for_what_only_the_file_has(self) -> None:
        async with self.small(spool_path=self.spool, flush_timeout=0.01, batch_size=40) as integration:
            await self.fill_up(integration)
            second = await integration.start_counting_session()
            await self.fill(integration, 10, first=10_000)  # none of these is in memory
            self.assertIs(False, await integration.end_counting_session())
            self.server.fail = None
            self.assertFalse(await integration.flush(timeout=600))
        self.assertEqual(sorted(self.sent_persons()), list(range(10_010)))
        methods = [method for method, path, _ in self.server.calls if second in path]
        self.assertEqual((methods[-1], methods.count("PUT")), ("PUT", 1))

    async def test_and_after_a_restart_too(self) -> None:
        first: Optional[PeopleCounterIntegration] = None
        async with self.small(spool_path=self.spool, flush_timeout=0.01) as first:
            await self.fill_up(first)
        async with self.small(spool_path=self.spool) as integration:
            self.assertEqual(integration.pending.movements, 10_000)
            self.server.fail = None
            await integration.start_counting_session()
            await self.fill(integration, 100, first=10_000)
            self.assertFalse(await integration.flush(timeout=600))
        self.assertEqual(sorted(self.sent_persons()), list(range(10_100)))
        self.assertEqual(set(self.server.rows.values()), {1})

    async def test_many_at_a_time_have_one_order(self) -> None:
        async with self.integration(spool_path=self.spool, flush_timeout=0.01) as integration:
            await integration.start_counting_session()
            self.server.fail = away
            await asyncio.gather(*(integration.record_people_movement(person, "in") for person in range(200)))
            with open(self.spool, "rb") as file:
                lines = [json.loads(line) for line in file]
            spooled = [line["row"]["id"] for line in lines if line.get("kind") == "movement"]
            self.assertEqual(len(spooled), 200)
            self.assertEqual(spooled, sorted(spooled))
            self.server.fail = None
            self.assertFalse(await integration.flush(timeout=600))
        self.assertEqual(list(self.server.rows), spooled)


if __name__ == "__main__":
    unittest.main()
