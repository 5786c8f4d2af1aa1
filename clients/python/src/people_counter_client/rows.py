"""Rows as they are sent, from what trackers have: numpy numbers, arrays, NaN."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Dict, Mapping, Optional, Sequence, Tuple

from .client import to_json
from .models import JsonObject


def moment(time: Optional[datetime] = None) -> str:
    """A time, or the present, in UTC."""
    if time is None:
        time = datetime.now(timezone.utc)
    elif time.utcoffset() is None:
        raise ValueError(f"{time!r} needs a time zone")
    return time.astimezone(timezone.utc).isoformat()


def as_sent(values: Mapping[str, object]) -> JsonObject:
    """What the server will get, so that it does not change if the caller's objects do."""
    plain: JsonObject = json.loads(to_json(dict(values)))
    return plain


def _numbers(names: Tuple[str, ...], values: Optional[Sequence[float]]) -> Dict[str, object]:
    """The finite ones: where a tracker has no coordinate, the person was counted all the same."""
    if values is None or len(values) == 0:
        return {}
    if len(values) < len(names):
        raise ValueError(f"needs {len(names)} numbers ({', '.join(names)}), not {len(values)}")
    pairs = ((name, float(value)) for name, value in zip(names, values))
    return {name: value for name, value in pairs if math.isfinite(value)}


def _number(name: str, value: Optional[float]) -> Dict[str, object]:
    return {} if value is None else _numbers((name,), (value,))


def movement(
    key: str,
    time: Optional[datetime],
    person_id: int,
    direction: str,
    centroid: Optional[Sequence[float]],
    bounding_box: Optional[Sequence[float]],
    confidence: Optional[float],
    frame_number: Optional[int],
) -> JsonObject:
    if direction not in ("in", "out"):
        raise ValueError(f'direction must be "in" or "out", not {direction!r}')
    row: JsonObject = {
        "id": key,
        "person_id": int(person_id),
        "movement_direction": direction,
        "movement_time": moment(time),
    }
    row.update(_numbers(("centroid_x", "centroid_y"), centroid))
    row.update(_numbers(("bounding_box_x1", "bounding_box_y1", "bounding_box_x2", "bounding_box_y2"), bounding_box))
    row.update(_number("confidence_score", confidence))
    if frame_number is not None:
        row["frame_number"] = int(frame_number)
    return row


def metrics(
    key: str,
    time: Optional[datetime],
    people_count: int,
    detection_status: str,
    measured: Mapping[str, Optional[float]],
    counted: Mapping[str, Optional[int]],
) -> JsonObject:
    row: JsonObject = {
        "id": key,
        "timestamp": moment(time),
        "current_people_count": int(people_count),
        "detection_status": detection_status,
    }
    for name, value in measured.items():
        row.update(_number(name, value))
    row.update({name: int(count) for name, count in counted.items() if count is not None})
    return row
