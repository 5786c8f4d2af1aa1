#!/usr/bin/env python3
"""A camera over the door: feeds the half hours of test/data/calit2_main_door.csv to a server, movement by movement.

    examples/feed_calit2.py --url http://localhost:8000 --days 14

Movements are made as scripts/demo.d/camera.awk makes them: the n people of a half hour pass at even distances, those
who enter spread evenly among those who leave. So both feed the same, and each half hour adds up to its line of the file.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import logging
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Iterator, List, Optional, Tuple
from zoneinfo import ZoneInfo

from people_counter_client import PeopleCounterError, PeopleCounterIntegration, Rejection

DATA = Path(__file__).resolve().parents[3] / "test" / "data" / "calit2_main_door.csv"
ZONE = ZoneInfo("America/Los_Angeles")  # the clock on the wall
HALF_HOUR = 1_800_000                   # milliseconds

Slot = Tuple[datetime, int, int]


def slots(path: Path, days: Optional[int]) -> List[Slot]:
    """The half hours of the first days. A reading that is missing is nobody, for want of a better number."""
    with open(path, newline="") as file:
        read = [
            (datetime.fromisoformat(row["slot_start"]), int(row["entered"] or 0), int(row["exited"] or 0))
            for row in csv.DictReader(file)
        ]
    end = read[0][0] + timedelta(days=days) if days is not None else datetime.max
    return [slot for slot in read if slot[0] < end]


def moment(wall: datetime) -> datetime:
    """In UTC; the hour that the clocks repeated is in the file once, and means standard time."""
    return wall.replace(tzinfo=ZONE, fold=1).astimezone(timezone.utc)


def movements(slot: Slot) -> Iterator[Tuple[datetime, str]]:
    start, entered, exited = slot
    people = entered + exited
    for k in range(people):
        offset = (2 * k + 1) * HALF_HOUR // (2 * people)
        enters = ((k + 1) * entered + people - 1) // people > (k * entered + people - 1) // people
        yield moment(start + timedelta(milliseconds=offset)), "in" if enters else "out"


async def feed(url: str, api_key: Optional[str], days: Optional[int], spool: Optional[str]) -> int:
    read = slots(DATA, days)
    refused: List[Rejection] = []
    begin = time.monotonic()
    person = entered = exited = 0
    async with PeopleCounterIntegration(
        url, api_key=api_key, batch_size=1000, spool_path=spool, on_rejected=refused.append
    ) as integration:
        session_id = await integration.start_counting_session(
            {
                "session_name": "CalIt2, main door",
                "input_source": DATA.name,
                "start_time": moment(read[0][0]),
                "time_zone": ZONE.key,
            }
        )
        for slot in read:
            for when, direction in movements(slot):
                person += 1
                entered += direction == "in"
                exited += direction == "out"
                await integration.record_people_movement(person_id=person, direction=direction, movement_time=when)
            if integration.pending.movements >= 5000:  # a file is faster than any door: wait for the server
                await integration.flush(timeout=600)
        end = moment(read[-1][0] + timedelta(minutes=30))
        ended = await integration.end_counting_session({"status": "completed", "end_time": end})
        seconds = time.monotonic() - begin
        print(f"session {session_id}")
        if not ended:
            left = integration.pending
            print(f"not all is there: {left.movements:,} movements wait, {len(refused):,} were refused; {left.error}")
            return 1
        print(f"{person:,} movements in {seconds:.1f} s: {person / seconds:,.0f} a second")
        statistics = (await integration.client.get_session(session_id))["statistics"]
    there = (statistics["total_people_entered"], statistics["total_people_exited"])
    print(f"{'':14}{'in':>8}{'out':>8}")
    print(f"{'the file':14}{entered:8,}{exited:8,}")
    print(f"{'the server':14}{there[0]:8,}{there[1]:8,}")
    print("equal" if there == (entered, exited) else "NOT EQUAL")
    return 0 if there == (entered, exited) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Feeds the CalIt2 door counts to a People Counter server.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--api-key")
    parser.add_argument("--days", type=int, help="the first N days of the file; default: all of it")
    parser.add_argument("--spool", help="a file that outlives a crash of this program")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(feed(arguments.url, arguments.api_key, arguments.days, arguments.spool))
    except PeopleCounterError as error:
        print(f"{arguments.url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
