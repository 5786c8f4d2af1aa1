"""One method for each row of the REST contract; no buffer, no second tries."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Callable, Iterable, Mapping, Optional, Type, TypeVar, Union, cast
from urllib.parse import quote

import aiohttp

from . import models
from .errors import ApiError, NoAnswerError, PeopleCounterError

Self = TypeVar("Self", bound="PeopleCounterClient")


def _plain(value: object) -> object:
    """Times, and the numbers of numpy, which trackers like to use."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    item = getattr(value, "item", None)
    if callable(item):
        return cast(object, item())
    raise TypeError(f"cannot send a value of type {type(value).__name__}")


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def retry_after(header: Optional[str], now: Optional[float] = None) -> Optional[float]:
    """The seconds of a Retry-After header, which has a number or a date."""
    if not header:
        return None
    try:
        if header.strip().isdigit():
            return float(header)
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, IndexError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


class PeopleCounterClient:
    """Client of the People Counter REST API.

    api_key goes into X-API-Key, token (a JWT, or a function that gives a fresh one) into Authorization. timeout and
    connect_timeout are seconds. Errors of the server are ApiError, no usable answer is NoAnswerError.
    """

    def __init__(
        self,
        api_base_url: str = "http://localhost:8000",
        *,
        api_key: Optional[str] = None,
        token: Union[str, Callable[[], str], None] = None,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
    ) -> None:
        self.api_base_url = api_base_url.rstrip("/")
        self._api_key = api_key
        self._token = token
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._http: Optional[aiohttp.ClientSession] = None

    async def open(self) -> None:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect_timeout)
            self._http = aiohttp.ClientSession(timeout=timeout)

    async def close(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.close()

    async def __aenter__(self: Self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    def _headers(self, has_body: bool, accept: str) -> Mapping[str, str]:
        headers = {"Accept": accept}
        if has_body:
            headers["Content-Type"] = "application/json"
        if self._api_key is not None:
            headers["X-API-Key"] = self._api_key
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token() if callable(self._token) else self._token}"
        return headers

    async def request_text(
        self,
        method: str,
        path: str,
        *,
        params: Optional[Mapping[str, object]] = None,
        body: Optional[bytes] = None,
        accept: str = "text/plain, */*;q=0.5",
    ) -> str:
        """Sends body, which is JSON already, and answers the text of a 2xx answer."""
        if self._http is None:
            raise PeopleCounterError("the client is not open: use async with, or await open() first")
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        try:
            async with self._http.request(
                method,
                self.api_base_url + path,
                params=query,
                data=body,
                headers=self._headers(body is not None, accept),
                allow_redirects=False,  # a POST that is sent elsewhere becomes a GET
            ) as response:
                text = await response.text(errors="replace")
                if 200 <= response.status < 300:
                    return text
                raise ApiError(
                    response.status, _detail(text, response.reason), retry_after(response.headers.get("Retry-After"))
                )
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise NoAnswerError(f"{method} {path}: {str(error) or type(error).__name__}") from error

    async def request(
        self, method: str, path: str, *, params: Optional[Mapping[str, object]] = None, body: Optional[bytes] = None
    ) -> Any:
        """Like request_text, but answers what the JSON of the answer says."""
        text = await self.request_text(method, path, params=params, body=body, accept="application/json")
        try:
            return json.loads(text)
        except ValueError as error:
            raise NoAnswerError(f"{method} {path}: the answer is not JSON: {text[:80]!r}") from error

    # Sessions

    async def create_session(self, session: Optional[Mapping[str, object]] = None) -> models.SessionCreated:
        """Any column of sessions that a client may set, id among them, which makes a second try harmless."""
        answer = await self.request("POST", "/sessions", body=to_json(dict(session or {})))
        return cast(models.SessionCreated, answer)

    async def list_sessions(
        self, limit: int = 50, offset: int = 0, status: Optional[str] = None
    ) -> models.SessionList:
        params = {"limit": limit, "offset": offset, "status": status}
        return cast(models.SessionList, await self.request("GET", "/sessions", params=params))

    async def get_session(self, session_id: str) -> models.Session:
        return cast(models.Session, await self.request("GET", session_path(session_id)))

    async def update_session(self, session_id: str, changes: Mapping[str, object]) -> models.SessionUpdated:
        answer = await self.request("PUT", session_path(session_id), body=to_json(dict(changes)))
        return cast(models.SessionUpdated, answer)

    # Movements

    async def record_movement(self, session_id: str, movement: Mapping[str, object]) -> models.MovementRecorded:
        answer = await self.request("POST", session_path(session_id, "movements"), body=to_json(dict(movement)))
        return cast(models.MovementRecorded, answer)

    async def record_movements(
        self, session_id: str, movements: Iterable[Mapping[str, object]]
    ) -> models.BatchResult:
        """All of them in one request; results has what became of each, in their order."""
        body = to_json([dict(movement) for movement in movements])
        return cast(models.BatchResult, await self.request("POST", session_path(session_id, "movements"), body=body))

    async def list_movements(
        self, session_id: str, limit: int = 100, offset: int = 0, direction: Optional[str] = None
    ) -> models.MovementList:
        params = {"limit": limit, "offset": offset, "direction": direction}
        answer = await self.request("GET", session_path(session_id, "movements"), params=params)
        return cast(models.MovementList, answer)

    # Metrics

    async def record_metrics(self, session_id: str, sample: Mapping[str, object]) -> models.MetricsRecorded:
        answer = await self.request("POST", session_path(session_id, "metrics"), body=to_json(dict(sample)))
        return cast(models.MetricsRecorded, answer)

    async def record_metrics_batch(
        self, session_id: str, samples: Iterable[Mapping[str, object]]
    ) -> models.BatchResult:
        body = to_json([dict(sample) for sample in samples])
        return cast(models.BatchResult, await self.request("POST", session_path(session_id, "metrics"), body=body))

    async def recent_metrics(self, session_id: str, minutes: int = 10) -> models.RecentMetrics:
        answer = await self.request("GET", session_path(session_id, "metrics/recent"), params={"minutes": minutes})
        return cast(models.RecentMetrics, answer)

    # Analytics and the rest

    async def hourly_analytics(self, session_id: Optional[str] = None, hours: int = 24) -> models.HourlyAnalytics:
        params = {"session_id": session_id, "hours": hours}
        return cast(models.HourlyAnalytics, await self.request("GET", "/analytics/hourly", params=params))

    async def daily_analytics(self, session_id: Optional[str] = None, days: int = 30) -> models.DailyAnalytics:
        params = {"session_id": session_id, "days": days}
        return cast(models.DailyAnalytics, await self.request("GET", "/analytics/daily", params=params))

    async def dashboard_summary(self) -> models.DashboardSummary:
        return cast(models.DashboardSummary, await self.request("GET", "/dashboard/summary"))

    async def health(self) -> models.Health:
        return cast(models.Health, await self.request("GET", "/health"))

    async def health_detailed(self) -> models.JsonObject:
        return cast(models.JsonObject, await self.request("GET", "/health/detailed"))

    async def prometheus_metrics(self) -> str:
        """The text that Prometheus scrapes."""
        return await self.request_text("GET", "/metrics")

    async def acknowledge_alert(
        self, alert_id: str, acknowledged_by: Optional[str] = None, note: Optional[str] = None
    ) -> models.JsonObject:
        said = {"acknowledged_by": acknowledged_by, "note": note}
        body = to_json({name: value for name, value in said.items() if value is not None})
        path = f"/alerts/{quote(alert_id, safe='')}/acknowledge"
        return cast(models.JsonObject, await self.request("POST", path, body=body))


def session_path(session_id: str, below: str = "") -> str:
    path = f"/sessions/{quote(session_id, safe='')}"
    return f"{path}/{below}" if below else path


def _detail(text: str, reason: Optional[str]) -> str:
    """What the body says is wrong, whoever wrote it: a proxy in between answers in its own way."""
    try:
        body = json.loads(text)
    except ValueError:
        return (text.strip() or reason or "no reason given")[:500]
    if isinstance(body, dict):
        for name in ("detail", "message"):
            if body.get(name):
                return str(body[name])
    return text.strip()[:500]
