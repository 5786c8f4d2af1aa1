"""Ids that the counter makes itself: they are what makes a repeated report harmless."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Callable


class UuidV7:
    """Makes UUIDs of version 7 (RFC 9562, method 3), each greater than the one before.

    48 bits of milliseconds, 12 bits of their fraction, 62 random bits. Where the clock stands still or is set back, the
    fraction counts on from the last id, so the order of the ids is the order in which they were made.
    """

    def __init__(
        self,
        clock_ns: Callable[[], int] = time.time_ns,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._clock_ns = clock_ns
        self._random_bits = random_bits
        self._last = -1

    def __call__(self) -> str:
        milliseconds, rest = divmod(self._clock_ns(), 1_000_000)
        tick = max(milliseconds << 12 | rest * 4096 // 1_000_000, self._last + 1)
        self._last = tick
        value = (tick >> 12) << 80 | 7 << 76 | (tick & 0xFFF) << 64 | 2 << 62 | self._random_bits(62)
        return str(uuid.UUID(int=value))
