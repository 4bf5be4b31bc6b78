"""Does the rebuilt face do what the driver's face does, and does it keep moving? Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from shared.parameters import FloatArray

STILL_PX = 0.2
"""Mean motion of the landmarks below which a picture has not moved; the tracker's own noise on
one still is less."""

MOVING_PX = 1.0
"""Mean motion above which a driver has moved."""

SHORTEST_FREEZE_NS = 120_000_000
"""Three pictures; less is not seen as standing still."""


@dataclass(frozen=True, slots=True, eq=False)
class TimedFace:
    """Landmarks at a moment of one clock."""

    time_ns: int
    points: FloatArray
    """(N, 2) pixels of the S x S picture."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the rebuilt face follows the driver's."""

    akd_px: float
    """Mean over pictures of the mean distance of the landmarks, in pixels at S."""

    akd_p99_px: float
    """The 99th percentile over pictures: a picture from a wrong base would stand out here."""

    freeze_share: float
    """Share of the time in which the shown face stands while the driver moves, 0..1."""

    pictures: int
    """Pictures compared."""

    pictures_without_face: int
    """Rebuilt pictures in which no face was found although the driver had one."""


def landmarks_at(track: Sequence[TimedFace], time_ns: int) -> FloatArray | None:
    """The driver's landmarks at a moment, linear between neighbours; None outside the track."""
    times = [face.time_ns for face in track]
    index = int(np.searchsorted(times, time_ns))
    if index < len(track) and times[index] == time_ns:
        return track[index].points
    if index in (0, len(track)):
        return None
    before, after = track[index - 1], track[index]
    weight = (time_ns - before.time_ns) / (after.time_ns - before.time_ns)
    blended: FloatArray = ((1 - weight) * before.points + weight * after.points).astype(np.float32)
    return blended


def freeze_share(shown: Sequence[TimedFace], driven: Sequence[TimedFace]) -> float:
    """Share of the shown time that stands still for 120 ms or more while the driver moves.

    Both tracks are of one clock: the driver's is moved by the call's latency beforehand.
    """
    if len(shown) < 2:
        return 0.0
    frozen_ns = 0
    first = 0
    while first < len(shown) - 1:
        last = first + 1
        while last < len(shown) and _motion(shown[last], shown[first]) < STILL_PX:
            last += 1
        start_ns = shown[first].time_ns
        end_ns = shown[min(last, len(shown) - 1)].time_ns
        if end_ns - start_ns > SHORTEST_FREEZE_NS and _moves(driven, start_ns, end_ns):
            frozen_ns += end_ns - start_ns
        first = last
    return frozen_ns / (shown[-1].time_ns - shown[0].time_ns)


def compare(
    pairs: Sequence[tuple[FloatArray | None, FloatArray | None]],
    shown: Sequence[TimedFace],
    driven: Sequence[TimedFace],
) -> Agreement | None:
    """`pairs`: rebuilt and driving landmarks of each picture; None without any pair of faces."""
    distances = [
        _distance(rebuilt, driving)
        for rebuilt, driving in pairs
        if rebuilt is not None and driving is not None
    ]
    if not distances:
        return None
    return Agreement(
        akd_px=mean(distances),
        akd_p99_px=float(np.percentile(distances, 99)),
        freeze_share=freeze_share(shown, driven),
        pictures=len(distances),
        pictures_without_face=sum(r is None and d is not None for r, d in pairs),
    )


def _moves(driven: Sequence[TimedFace], start_ns: int, end_ns: int) -> bool:
    inside = [face for face in driven if start_ns <= face.time_ns <= end_ns]
    return any(_motion(face, inside[0]) > MOVING_PX for face in inside)


def _motion(face: TimedFace, other: TimedFace) -> float:
    return _distance(face.points, other.points)


def _distance(points: FloatArray, others: FloatArray) -> float:
    return float(np.linalg.norm(points[:, :2] - others[:, :2], axis=1).mean())
