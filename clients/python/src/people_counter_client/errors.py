"""What can go wrong, as exceptions."""

from __future__ import annotations

from typing import Optional


class PeopleCounterError(Exception):
    """Base of everything that this package raises itself."""


class ApiError(PeopleCounterError):
    """The server answered, and the answer is an error.

    status is the HTTP status, detail what is wrong in the server's words, retry_after the seconds that it asks to wait.
    """

    def __init__(self, status: int, detail: str, retry_after: Optional[float] = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class NoAnswerError(PeopleCounterError):
    """No usable answer: refused, timed out, cut off, or not of this API. What was asked for may have happened."""


class NoSessionError(PeopleCounterError):
    """Something was to be recorded while no session is counting."""


class BufferFullError(PeopleCounterError):
    """The buffer is full of movements and there is no spool: this movement was not taken."""


class SpoolError(PeopleCounterError):
    """The spool file cannot be used: in use by another process, or not writable."""
