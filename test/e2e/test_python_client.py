#!/usr/bin/env python3
"""clients/python against a real stack, with the open profile: outages, lost answers, kills, bad rows.

    PEOPLE_COUNTER_URL=http://127.0.0.1:8000 PEOPLE_COUNTER_GATEWAY_STOP='...' PEOPLE_COUNTER_GATEWAY_START='...' \
        python3 test/e2e/test_python_client.py

The two commands are for the shell and stop and start the gateway. Nothing is timed, and nothing sleeps but in the outage.
"""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))

from database.client import PeopleCounterIntegration  # noqa: E402
from people_counter_client import ApiError, NoAnswerError, PeopleCounterClient, UuidV7  # noqa: E402

URL = os.environ.get("PEOPLE_COUNTER_URL", "")
OUTAGE = 10.0    # seconds
GENEROUS = 120.0


class Proxy:
    """Stands before the server. mode: pass, refuse (hangs up at once), or drop: what is posted to /movements gets
    there, and when the answer comes, which is after the commit, it hangs up instead of passing it on."""

    def __init__(self, mode="pass"):
        self.mode = mode
        self.dropped = 0
        self.drop_only = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _connected(self, reader, writer):
        to_server = None
        try:
            if self.mode == "refuse":
                return
            target = urlsplit(URL)
            from_server, to_server = await asyncio.open_connection(target.hostname, target.port)
            posted = []

            async def pass_on(source, sink, answers):
                while data := await source.read(65536):
                    if not answers:
                        posted[:] = posted or [b"POST " in data and b"/movements " in data]
                    elif self.mode == "drop" and posted == [True] and self.drop_only != self.dropped:
                        self.dropped += 1
                        return
                    else:
                        posted.clear()
                    sink.write(data)
                    await sink.drain()

            ways = [asyncio.ensure_future(pass_on(reader, to_server, False)),
                    asyncio.ensure_future(pass_on(from_server, writer, True))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for sink in (writer, to_server):
                if sink is not None:
                    sink.close()


async def shell(command):
    process = await asyncio.create_subprocess_shell(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert await process.wait() == 0, f"{command}: exit status {process.returncode}"


@unittest.skipUnless(URL, "PEOPLE_COUNTER_URL is not set")
class EndToEnd(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.client = PeopleCounterClient(URL)
        await self.client.open()
        self.addAsyncCleanup(self.client.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.spool = os.path.join(directory.name, "spool")

    async def until(self, condition):
        async def wait():
            while not condition():
                await asyncio.sleep(0.01)

        await asyncio.wait_for(wait(), GENEROUS)

    async def there(self, session_id):
        """All movements of the session, by pages."""
        found = []
        while True:
            page = await self.client.list_movements(session_id, limit=1000, offset=len(found))
            found += page["movements"]
            if not page["movements"]:
                self.assertEqual(page["total"], len(found))
                return found

    async def check_once(self, session_id, persons):
        """Each of these persons is there once, in the movements and in the statistics. The odd ones went in."""
        found = await self.there(session_id)
        self.assertEqual(Counter(each["person_id"] for each in found), Counter(persons))
        self.assertEqual(len({each["id"] for each in found}), len(found))
        statistics = (await self.client.get_session(session_id))["statistics"]
        entered = sum(person % 2 for person in persons)
        self.assertEqual(statistics["total_people_entered"], entered)
        self.assertEqual(statistics["total_people_exited"], len(persons) - entered)

    # ---- the contract

    async def test_the_calls_of_the_contract(self):
        integration = PeopleCounterIntegration(api_base_url=URL)
        await integration.initialize()
        session_id = await integration.start_counting_session({"session_name": "e2e", "input_source": "video.mp4"})
        self.assertIs(True, await integration.record_people_movement(
            person_id=1, direction="in", centroid=(320, 240), bounding_box=(300, 200, 340, 280),
            confidence=0.95, frame_number=100))
        self.assertIs(True, await integration.record_system_metrics(
            people_count=5, detection_status="tracking", fps=30.0, cpu_usage=45.5, memory_usage=256.8))
        await integration.auto_flush_check()
        self.assertFalse(await integration.flush(GENEROUS))
        self.assertEqual((await integration.get_current_statistics())["total_people_entered"], 1)
        self.assertIs(True, await integration.end_counting_session(
            {"fps": 30.0, "total_frames": 1000, "status": "completed"}))
        self.assertFalse(await integration.close())

        session = await self.client.get_session(session_id)
        self.assertEqual(
            (session["session_name"], session["status"], session["fps"], session["total_frames"]),
            ("e2e", "completed", 30, 1000))
        movement, = await self.there(session_id)
        self.assertEqual(
            (movement["person_id"], movement["movement_direction"], movement["centroid"], movement["bounding_box"],
             movement["frame_number"]),
            (1, "in", {"x": 320, "y": 240}, {"x1": 300, "y1": 200, "x2": 340, "y2": 280}, 100))
        sample, = (await self.client.recent_metrics(session_id))["metrics"]
        self.assertEqual((sample["current_people_count"], sample["detection_status"]), (5, "tracking"))

    async def test_every_call_of_the_client(self):
        session_id = (await self.client.create_session({"session_name": "each call"}))["session_id"]
        first = await self.client.record_movement(session_id, {"person_id": 1, "movement_direction": "in"})
        self.assertEqual(first["status"], "recorded")
        row = {"id": UuidV7()(), "person_id": 2, "movement_direction": "out", "movement_time": "2025-06-01T10:00:00Z"}
        batch = await self.client.record_movements(session_id, [row, row, {"person_id": 3, "movement_direction": "up"}])
        self.assertEqual([each["status"] for each in batch["results"]], ["recorded", "duplicate", "rejected"])
        self.assertIn("up", batch["results"][2]["detail"])
        sample = {"current_people_count": 2, "detection_status": "detecting"}
        self.assertEqual((await self.client.record_metrics(session_id, sample))["status"], "recorded")
        samples = await self.client.record_metrics_batch(session_id, [sample, sample])
        self.assertEqual([each["status"] for each in samples["results"]], ["recorded"] * 2)
        self.assertEqual(len((await self.client.recent_metrics(session_id, minutes=5))["metrics"]), 3)
        self.assertEqual((await self.client.list_movements(session_id, direction="out"))["total"], 1)
        updated = await self.client.update_session(session_id, {"status": "completed", "total_frames": 7})
        self.assertEqual(updated, {"status": "updated", "session_id": session_id})
        listed = await self.client.list_sessions(limit=100, status="completed")
        self.assertIn(session_id, [each["id"] for each in listed["sessions"]])
        hours = (await self.client.hourly_analytics(session_id, hours=2))["analytics"]
        self.assertEqual([hour["people_entered"] for hour in hours], [1])
        days = (await self.client.daily_analytics(session_id, days=2))["analytics"]
        self.assertEqual(sum(day["total_people_entered"] for day in days), 1)
        self.assertGreaterEqual((await self.client.dashboard_summary())["people_entered_today"], 1)
        self.assertEqual((await self.client.health())["status"], "healthy")
        self.assertIn("database", await self.client.health_detailed())
        self.assertIn("# TYPE people_counter_", await self.client.prometheus_metrics())

    async def test_errors_have_a_status_and_a_detail(self):
        with self.assertRaises(ApiError) as caught:
            await self.client.get_session(UuidV7()())
        self.assertEqual(caught.exception.status, 404)
        async with PeopleCounterIntegration(URL) as integration:
            with self.assertRaises(ApiError) as caught:
                await integration.start_counting_session({"confidence_threshold": 7})
            self.assertEqual(caught.exception.status, 400)
            self.assertIn("confidence_threshold", caught.exception.detail)
            self.assertFalse(integration.pending)
            session_id = await integration.start_counting_session({})
            self.assertIs(False, await integration.end_counting_session({"frames": 3}))
            self.assertEqual(integration.session_id, session_id)
            self.assertIs(True, await integration.end_counting_session())
        async with Proxy("refuse") as proxy, PeopleCounterClient(proxy.url) as client:
            with self.assertRaises(NoAnswerError):
                await client.health()

    # ---- exactly once

    async def test_a_bad_row_is_reported_and_its_neighbours_are_stored(self):
        rejected = []
        async with PeopleCounterIntegration(URL, on_rejected=rejected.append) as integration:
            session_id = await integration.start_counting_session()
            for person in (1, 2, 1 << 40, 3, 4):
                await integration.record_people_movement(person, "in" if person % 2 else "out")
            await integration.record_system_metrics(1, "dreaming")
            await integration.record_system_metrics(1, "waiting")
            self.assertFalse(await integration.flush(GENEROUS))
            self.assertEqual(integration.counters.rejected, 2)
        self.assertEqual([each.row.get("person_id") for each in rejected], [1 << 40, None])
        self.assertIn("dreaming", rejected[1].detail)
        await self.check_once(session_id, [1, 2, 3, 4])
        self.assertEqual(len((await self.client.recent_metrics(session_id))["metrics"]), 1)

    async def test_a_lost_answer_counts_once(self):
        async with Proxy("drop") as proxy:
            proxy.drop_only = 3
            async with PeopleCounterIntegration(proxy.url, retry_first=0.05, batch_size=50) as integration:
                session_id = await integration.start_counting_session()
                for person in range(1, 201):
                    await integration.record_people_movement(person, "in" if person % 2 else "out")
                self.assertIs(True, await integration.end_counting_session())
                self.assertEqual(proxy.dropped, 3)
                self.assertGreater(integration.counters.duplicates, 0)
                self.assertEqual(integration.counters.sent + integration.counters.duplicates, 200)
        await self.check_once(session_id, list(range(1, 201)))

    async def test_a_session_that_starts_while_the_server_is_away(self):
        before = datetime.now(timezone.utc)
        async with Proxy("refuse") as proxy:
            async with PeopleCounterIntegration(proxy.url, flush_timeout=0.2, retry_first=0.05) as integration:
                session_id = await integration.start_counting_session({"session_name": "early"})
                after = datetime.now(timezone.utc)
                for person in range(1, 11):
                    await integration.record_people_movement(person, "in" if person % 2 else "out")
                self.assertIs(False, await integration.end_counting_session({"total_frames": 9}))
                self.assertEqual(integration.pending.movements, 10)
                with self.assertRaises(ApiError):
                    await self.client.get_session(session_id)
                proxy.mode = "pass"
                self.assertFalse(await integration.flush(GENEROUS))
        await self.check_once(session_id, list(range(1, 11)))
        session = await self.client.get_session(session_id)
        self.assertEqual(
            (session["session_name"], session["status"], session["total_frames"]), ("early", "completed", 9))
        start = datetime.fromisoformat(session["start_time"].replace("Z", "+00:00"))
        self.assertTrue(before - timedelta(seconds=1) <= start <= after + timedelta(seconds=1), session["start_time"])

    @unittest.skipUnless(os.environ.get("PEOPLE_COUNTER_GATEWAY_STOP"), "PEOPLE_COUNTER_GATEWAY_STOP is not set")
    async def test_an_outage_in_mid_feed(self):
        integration = PeopleCounterIntegration(URL, spool_path=self.spool, retry_limit=2.0)
        await integration.initialize()
        session_id = await integration.start_counting_session({"session_name": "outage"})
        persons, stop = [], asyncio.Event()

        async def door():
            while not stop.is_set():
                person = len(persons) + 1
                await integration.record_people_movement(person, "in" if person % 2 else "out")
                persons.append(person)
                await asyncio.sleep(0.002)

        feeding = asyncio.ensure_future(door())
        await self.until(lambda: integration.counters.sent > 100)
        await shell(os.environ["PEOPLE_COUNTER_GATEWAY_STOP"])
        try:
            recorded = len(persons)
            await asyncio.sleep(OUTAGE)
            self.assertGreater(len(persons), recorded)
            self.assertGreater(integration.pending.movements, 0)
            self.assertIsNotNone(integration.last_error)
        finally:
            await shell(os.environ["PEOPLE_COUNTER_GATEWAY_START"])
        sent, recorded = integration.counters.sent, len(persons)
        await self.until(lambda: integration.counters.sent > sent and len(persons) > recorded + 100)
        stop.set()
        await feeding
        self.assertFalse(await integration.flush(GENEROUS))
        self.assertIs(True, await integration.end_counting_session())
        self.assertFalse(await integration.close())
        self.assertEqual(os.path.getsize(self.spool), 0)
        self.assertEqual(integration.counters.recorded, len(persons))
        await self.check_once(session_id, persons)

    async def test_kills(self):
        """A program that feeds is killed: while the server is away, while answers get lost, and while all is well."""
        session_id = UuidV7()()
        printed = {}
        for run, mode in enumerate(("refuse", "drop", "pass")):
            async with Proxy(mode) as proxy:
                child = await asyncio.create_subprocess_exec(
                    sys.executable, __file__, "--feed", proxy.url, self.spool, session_id, str(run * 1_000_000),
                    stdout=subprocess.PIPE)
                lines = []
                # Long enough for the server to have been asked, where it answers.
                while len(lines) < 300 or (mode == "drop" and not proxy.dropped):
                    line = await asyncio.wait_for(child.stdout.readline(), GENEROUS)
                    self.assertTrue(line, "the child has ended")
                    lines.append(int(line))
                child.send_signal(signal.SIGKILL)
                lines += [int(line) for line in (await child.stdout.read()).split(b"\n")[:-1]]
                self.assertEqual(await child.wait(), -signal.SIGKILL)
                printed[run] = lines
        async with PeopleCounterIntegration(URL, spool_path=self.spool) as integration:
            await integration.start_counting_session({"id": session_id})
            self.assertFalse(await integration.flush(GENEROUS))
            self.assertIs(True, await integration.end_counting_session())
        persons = [each["person_id"] for each in await self.there(session_id)]
        for run, lines in printed.items():
            found = sorted(person for person in persons if person // 1_000_000 == run)
            # At most the one that it was recording when it was killed is there without having been confirmed.
            self.assertIn(found, (lines, lines + [lines[-1] + 1]))
        await self.check_once(session_id, persons)


async def feed(url, spool, session_id, first):
    """The child of test_kills: says which movements were recorded, until it is killed."""
    async with PeopleCounterIntegration(url, spool_path=spool, retry_first=0.05, retry_limit=0.1) as integration:
        await integration.start_counting_session({"id": session_id})
        person = int(first)
        while True:
            person += 1
            await integration.record_people_movement(person, "in" if person % 2 else "out")
            print(person, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--feed"]:
        logging.disable(logging.CRITICAL)
        asyncio.run(feed(*sys.argv[2:]))
    unittest.main(verbosity=2)
