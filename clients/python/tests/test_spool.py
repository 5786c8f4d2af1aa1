"""The file behind the buffer: what it gives back after a crash, and how it stays small."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import unittest
from typing import Any, List, Tuple
from unittest import mock

from people_counter_client import spool as module
from people_counter_client.errors import SpoolError
from people_counter_client.outbox import METRICS, MOVEMENT, Outbox
from people_counter_client.spool import Spool, end_line, entry_line, session_lines

from .support import SESSION, Clock, entry, session


class SpoolCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spool.jsonl")
        self.clock = Clock()

    async def opened(self, max_bytes: int = 1 << 24) -> Tuple[Outbox, Spool]:
        outbox = Outbox(max_bytes)
        spool = Spool(self.path, outbox, clock=self.clock)
        await spool.open()
        return outbox, spool

    async def filled(self, count: int) -> Tuple[Outbox, Spool]:
        outbox, spool = await self.opened()
        await spool.append(session_lines(session(outbox)))
        for number in range(count):
            await spool.append(entry_line(entry(number)))
            outbox.add(entry(number))
        await spool.sync()
        return outbox, spool

    async def numbers_after_a_crash(self, spool: Spool, max_bytes: int = 1 << 24) -> List[int]:
        """What the next run finds. close() writes nothing, so it leaves the file as a kill would."""
        await spool.close()
        outbox, again = await self.opened(max_bytes)
        found = []
        while True:
            entries = list(outbox.entries())
            found += [json.loads(each.data)["person_id"] for each in entries]
            outbox.remove(entries)
            if not again.spilling:
                await again.close()
                return found
            await again.refill()


class Crash(SpoolCase):
    async def test_what_is_not_done_comes_back_in_order_and_unchanged(self) -> None:
        outbox, spool = await self.filled(10)
        await spool.done([entry(number).key for number in (0, 1, 5)], 100)
        await spool.close()
        again, second = await self.opened()
        self.addAsyncCleanup(second.close)
        self.assertEqual([each.key for each in again.entries()], [entry(n).key for n in (2, 3, 4, 6, 7, 8, 9)])
        first = next(again.entries())
        self.assertEqual(json.loads(first.data), json.loads(entry(2).data))
        self.assertTrue(again.queue(SESSION).created)

    async def test_a_torn_line_is_left_out(self) -> None:
        _, spool = await self.filled(3)
        for torn in (b'{"kind":"movement","session"', entry_line(entry(7))[:-1], b"\0\0\0\0", b"[1]\n", b"garbage\n"):
            with open(self.path, "ab") as file:
                file.write(torn)
            self.assertEqual(await self.numbers_after_a_crash(spool), [0, 1, 2], torn)

    async def test_sessions_and_ends_come_back(self) -> None:
        outbox, spool = await self.opened()
        await spool.append(session_lines(session(outbox, created=False)) + end_line(SESSION, {"status": "completed"}))
        await spool.append(session_lines(session(outbox, "ended")) + end_line("ended", {"status": "completed"}))
        await spool.append(session_lines(session(outbox, "refused", created=False)))
        await spool.append(session_lines(session(outbox, "created", created=False)) + b'{"created":"created"}\n')
        await spool.done(["end:ended", "session:refused"], 0)
        await spool.close()
        again, second = await self.opened()
        self.addAsyncCleanup(second.close)
        self.assertEqual(list(again.queues), [SESSION])
        self.assertEqual(again.queue(SESSION).end, {"status": "completed"})
        self.assertFalse(again.queue(SESSION).created)

    async def test_one_process_at_a_time(self) -> None:
        _, spool = await self.filled(1)
        with self.assertRaisesRegex(SpoolError, "in use"):
            await self.opened()
        await spool.close()
        _, again = await self.opened()
        await again.close()

    async def test_a_place_that_cannot_be_written(self) -> None:
        self.path = "/nonexistent/spool"
        with self.assertRaisesRegex(SpoolError, "/nonexistent/spool"):
            await self.opened()


class Size(SpoolCase):
    async def test_it_is_written_anew_when_most_is_done_with(self) -> None:
        with mock.patch.object(module, "_GARBAGE", 1000):
            outbox, spool = await self.filled(100)
            before = os.path.getsize(self.path)
            sent = [entry(number) for number in range(90)]
            outbox.remove(sent)
            await spool.done([each.key for each in sent], sum(len(each.data) for each in sent))
            self.assertLess(os.path.getsize(self.path), before // 4)
            await spool.append(entry_line(entry(100)))
            self.assertEqual(await self.numbers_after_a_crash(spool), list(range(90, 101)))

    async def test_nothing_is_left_of_a_run_that_sent_all(self) -> None:
        outbox, spool = await self.filled(5)
        sent = list(outbox.entries())
        outbox.remove(sent)
        await spool.done([each.key for each in sent], 100)
        outbox.forget_done()
        await spool.compact()
        await spool.close()
        self.assertEqual(os.path.getsize(self.path), 0)

    async def test_more_than_memory_holds_waits_in_the_file(self) -> None:
        outbox, spool = await self.filled(3)
        for number in range(3, 2500):
            line = entry_line(entry(number))
            await spool.append(line)
            spool.spill(line)
        self.assertEqual(outbox.remaining(spool.spilled).movements, 2500)
        outbox.remove([entry(0)])
        await spool.done([entry(0).key], 10)
        await spool.compact()  # the part that only the file has must survive it, and come after the rest
        self.assertEqual(spool.spilled, 2497)
        self.assertEqual(await self.numbers_after_a_crash(spool, max_bytes=1 << 16), list(range(1, 2500)))

    async def test_it_comes_back_into_memory_in_order(self) -> None:
        outbox, spool = await self.filled(2)
        outbox.max_bytes = outbox.bytes + 5 * entry(0).cost + 3
        for number in range(2, 12):
            line = entry_line(entry(number))
            await spool.append(line)
            spool.spill(line)
        await spool.refill()
        self.assertEqual((outbox.count(MOVEMENT), spool.spilled, spool.spilling), (7, 5, True))
        outbox.remove(list(outbox.entries()))
        await spool.refill()
        self.assertEqual([each.key for each in outbox.entries()], [entry(number).key for number in range(7, 12)])
        await spool.refill()
        self.assertEqual((spool.spilled, spool.spilling), (0, False))
        await spool.close()

    async def test_metrics_come_back_too(self) -> None:
        outbox, spool = await self.filled(1)
        await spool.append(entry_line(entry(1, METRICS)))
        await spool.close()
        again, second = await self.opened()
        self.addAsyncCleanup(second.close)
        self.assertEqual((again.count(MOVEMENT), again.count(METRICS), second.spilling), (1, 1, False))


class FullDisk(SpoolCase):
    async def test_memory_goes_on_and_the_file_is_made_whole_again(self) -> None:
        outbox, spool = await self.filled(2)
        file: Any = spool._file
        half = mock.Mock(wraps=file)
        half.write.side_effect = lambda lines: file.write(lines[: len(lines) // 2])
        spool._file = half
        self.assertFalse(await spool.append(entry_line(entry(2))))
        outbox.add(entry(2))
        self.assertTrue(spool.broken)
        self.assertFalse(await spool.append(entry_line(entry(3))))
        outbox.add(entry(3))
        self.clock.now += 10
        self.assertTrue(await spool.append(entry_line(entry(4))))
        self.assertFalse(spool.broken)
        self.assertEqual(await self.numbers_after_a_crash(spool), [0, 1, 2, 3, 4])


if __name__ == "__main__":
    unittest.main()
