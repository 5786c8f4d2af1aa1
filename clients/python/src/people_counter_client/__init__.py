"""Client of the People Counter REST API."""

from .client import PeopleCounterClient
from .errors import ApiError, BufferFullError, NoAnswerError, NoSessionError, PeopleCounterError, SpoolError
from .ids import UuidV7
from .integration import PeopleCounterIntegration
from .models import Counters, Rejection, Remaining

__version__ = "1.0.0"

__all__ = [
    "ApiError",
    "BufferFullError",
    "Counters",
    "NoAnswerError",
    "NoSessionError",
    "PeopleCounterClient",
    "PeopleCounterError",
    "PeopleCounterIntegration",
    "Rejection",
    "Remaining",
    "SpoolError",
    "UuidV7",
]
