"""What of a codec run others quote: the default precision, by frames a message."""

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable
from shared.limits import FRAMES_PER_MESSAGE_MAX
from shared.quantization import Precision

_BYTES_AND_ERRORS = (
    "predicted_bytes",
    "predicted_bytes_p95",
    "intra_bytes",
    "intra_bytes_max",
    "payload_bps",
    "error_px",
    "error_px_p95",
)
_MEASURES = (*_BYTES_AND_ERRORS, "encode_ms", "decode_ms")
PORTABLE = frozenset((*_BYTES_AND_ERRORS, "payload_bps_max", "keep_alive_bytes"))
_COUNTS = range(1, FRAMES_PER_MESSAGE_MAX + 1)


def codec_figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """Of a report as JSON."""
    found: dict[str, float | None] = {}
    for row in content["rows"]:
        if row["precision"] == Precision.STANDARD.name.lower() and not row["repeated"]:
            for name in _MEASURES:
                found[f"codec/{row['frames_per_message']}frames/{name}"] = row[name]
    for name in ("payload_bps", "payload_bps_max", "messages_per_second", "keep_alive_bytes"):
        found[f"codec/still/{name}"] = content["still"][name]
    return found


def codec_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """One: bytes, rate and error."""

    def row(label: str, name: str, decimals: int, per: float = 1.0) -> tuple[str, ...]:
        values = (
            shown(figures, f"codec/{count}frames/{name}", decimals, per=per) for count in _COUNTS
        )
        return (label, *values)

    p95 = row("", "predicted_bytes_p95", 0)
    mean = row("", "predicted_bytes", 1)
    still = " / ".join(
        shown(figures, f"codec/still/{name}", 2, per=1e3)
        for name in ("payload_bps", "payload_bps_max")
    )
    rows = (
        (
            "bytes a predicted message, mean / p95",
            *tuple(f"{a} / {b}" for a, b in zip(mean[1:], p95[1:], strict=True)),
        ),
        row("payload at 25 fps, kbit/s", "payload_bps", 1, 1e3),
        row("added error, mean, px", "error_px", 2),
        ("a still face with a camera's noise, mean of people / worst, kbit/s", "", still, ""),
    )
    columns = ("", *(f"{count} frame{'s' if count > 1 else ''} a message" for count in _COUNTS))
    return [ResultTable("The parameter codec", columns, rows)]
