"""How long to wait before the next try."""

from __future__ import annotations

import random
from typing import Callable


class Backoff:
    """Doubles from first up to limit seconds. Half of each pause is chance, so that the cameras of a house do not all
    come back in the same instant after an outage."""

    def __init__(self, first: float = 0.5, limit: float = 30.0, chance: Callable[[], float] = random.random) -> None:
        self._first = first
        self._limit = limit
        self._chance = chance
        self.failures = 0

    def next(self, at_least: float = 0.0) -> float:
        """Counts a failure and says how many seconds to wait, not less than the server asked for."""
        step = min(self._limit, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(step / 2 + self._chance() * step / 2, at_least)

    def reset(self) -> None:
        self.failures = 0
