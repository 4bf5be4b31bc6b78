"""What of a tracking run others quote."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable

PORTABLE = frozenset(
    (
        "error_px",
        "lips_px",
        "lids_px",
        "irises_px",
        "sent_px",
        "jitter_px",
        "landmark_jitter_px",
        "mediapipe_px",
        "mediapipe_worst_px",
    )
)


def tracking_figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """Of a report as JSON: means over clips, and the median difference to MediaPipe."""
    found: dict[str, float | None] = {
        f"tracking/{name}": value for name, value in content["mean"].items()
    }
    if content["mediapipe"]:
        clips = [row["median_px"] for name, row in content["mediapipe"].items() if name != "all"]
        found["tracking/mediapipe_px"] = median(clips)
        found["tracking/mediapipe_worst_px"] = max(clips)
    return found


def tracking_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """One: accuracy and time."""

    def of(*names: str, decimals: int = 2) -> str:
        return ", ".join(shown(figures, f"tracking/{name}", decimals) for name in names)

    rows = [
        (
            "reprojection error at 256 x 256: all, lips, lids, irises",
            f"{of('error_px', 'lips_px', 'lids_px', 'irises_px')} px",
        ),
        ("jitter of a still with noise of sigma 2", f"{of('jitter_px')} px"),
        (
            "tracking, fit: median and p95 of a frame on one core",
            f"{of('track_ms', 'track_p95_ms', decimals=1)} ms; {of('fit_ms', 'fit_p95_ms')} ms",
        ),
    ]
    if "tracking/mediapipe_px" in figures:
        rows.append(
            (
                "median difference to MediaPipe 0.10.21: median clip, worst clip",
                f"{of('mediapipe_px', 'mediapipe_worst_px')} px",
            )
        )
    return [ResultTable("Tracking and fit", ("", ""), tuple(rows))]
