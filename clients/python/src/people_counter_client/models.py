"""The shapes of what the API takes and answers. Keys may be added by the server; nothing here forbids them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple, TypedDict

JsonObject = Dict[str, Any]


class Health(TypedDict):
    status: str
    timestamp: str


class SessionCreated(TypedDict):
    session_id: str
    status: str


class SessionSummary(TypedDict):
    id: str
    session_name: str
    status: str
    start_time: str
    end_time: Optional[str]
    duration_seconds: Optional[float]
    fps: Optional[float]
    total_frames: Optional[int]
    resolution: Optional[str]


class SessionList(TypedDict):
    sessions: List[SessionSummary]
    total: int
    limit: int
    offset: int


class SessionStatistics(TypedDict):
    total_people_entered: int
    total_people_exited: int
    current_people_inside: int
    peak_people_count: int
    accuracy_percentage: Optional[float]


class Session(TypedDict):
    id: str
    session_name: str
    input_source: Optional[str]
    output_path: Optional[str]
    start_time: str
    end_time: Optional[str]
    duration_seconds: Optional[float]
    status: str
    fps: Optional[float]
    total_frames: Optional[int]
    resolution_width: Optional[int]
    resolution_height: Optional[int]
    confidence_threshold: float
    skip_frames: int
    max_disappeared: int
    max_distance: int
    statistics: SessionStatistics


class SessionUpdated(TypedDict):
    status: str
    session_id: str


class MovementRecorded(TypedDict):
    movement_id: str
    status: str


class MetricsRecorded(TypedDict):
    metrics_id: str
    status: str


class RowResult(TypedDict, total=False):
    """One row of a batch: status recorded or duplicate with the id, or rejected with the detail."""

    movement_id: str
    metrics_id: str
    status: str
    detail: str


class BatchResult(TypedDict):
    count: int
    recorded: int
    duplicates: int
    rejected: int
    results: List[RowResult]


class Centroid(TypedDict):
    x: Optional[float]
    y: Optional[float]


class BoundingBox(TypedDict):
    x1: Optional[float]
    y1: Optional[float]
    x2: Optional[float]
    y2: Optional[float]


class Movement(TypedDict):
    id: str
    person_id: int
    movement_direction: str
    movement_time: str
    centroid: Optional[Centroid]
    bounding_box: Optional[BoundingBox]
    confidence_score: Optional[float]
    frame_number: Optional[int]


class MovementList(TypedDict):
    movements: List[Movement]
    total: int
    limit: int
    offset: int


class MetricsSample(TypedDict):
    timestamp: str
    current_people_count: int
    people_entered_last_minute: int
    people_exited_last_minute: int
    detection_status: str
    fps_current: Optional[float]
    cpu_usage_percentage: Optional[float]
    memory_usage_mb: Optional[float]
    processing_latency_ms: Optional[float]


class RecentMetrics(TypedDict):
    metrics: List[MetricsSample]
    period_minutes: int


class HourRow(TypedDict):
    session_id: str
    hour_timestamp: str
    people_entered: int
    people_exited: int
    peak_people_count: int
    average_people_count: Optional[float]
    total_detections: int
    detection_accuracy: Optional[float]


class HourlyAnalytics(TypedDict):
    analytics: List[HourRow]
    period_hours: int


class DayRow(TypedDict):
    session_id: str
    date_timestamp: str
    total_people_entered: int
    total_people_exited: int
    peak_people_count: int
    average_people_count: Optional[float]
    total_detections: int
    total_session_duration: Optional[float]
    detection_accuracy: Optional[float]


class DailyAnalytics(TypedDict):
    analytics: List[DayRow]
    period_days: int


class DashboardSummary(TypedDict):
    active_sessions: int
    sessions_today: int
    people_entered_today: int
    people_exited_today: int
    recent_movements: int
    timestamp: str


@dataclass(frozen=True)
class Rejection:
    """A row that the server refused for good. It is not sent again."""

    kind: str
    session_id: str
    row: JsonObject
    detail: str


@dataclass(frozen=True)
class Remaining:
    """What is still in the buffer, or in the spool behind it; true if that is anything."""

    movements: int = 0
    metrics: int = 0
    sessions: Tuple[str, ...] = ()
    error: Optional[Exception] = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.movements or self.metrics or self.sessions)


@dataclass
class Counters:
    """What the buffer has done since it was made. duplicates are rows that the server already had: a lost answer, or a
    restart; each is counted once there."""

    recorded: int = 0
    sent: int = 0
    duplicates: int = 0
    rejected: int = 0
    metrics_dropped: int = 0
    requests: int = 0
    failures: int = 0
