"""What of whole calls others quote."""

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable

PORTABLE = frozenset(("payload_bps", "references", "reference_bytes"))

_LABELS = {
    "call": "a video call",
    "generator": "the same with `lite`",
    "loss30": "`--loss 0.3`",
    "thin-sound": "sound in 60 ms packets of 6 kbit/s",
    "datachannel": "`--transport datachannel`",
    "portrait": "portrait, no sound",
}


def call_figures(name: str, report: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Of a demo's report as JSON; without one they are missing."""
    if report is None:
        return {f"calls/{name}/fps": None}
    agreement = report["agreement"] or {}
    return {
        f"calls/{name}/{key}": value
        for key, value in {
            "fps": report["fps_out"],
            "call_bps": report["call_bps"],
            "inband_bps": report["transport"]["inband_bps"],
            "wire_bps_forward": report["wire_bps_forward"],
            "wire_bps_reverse": report["wire_bps_reverse"],
            "audio_wire_bps": report["audio_wire_bps"],
            "payload_bps": report["payload_bps"],
            "latency_p50_ms": report["latency_ms"]["p50"],
            "latency_p95_ms": report["latency_ms"]["p95"],
            "av_offset_ms": report["av_offset_ms"],
            "akd_px": agreement.get("akd_px"),
            "frozen_share": agreement.get("freeze_share"),
            "references": report["references_sent"],
            "reference_bytes": report["reference_bytes"],
            "receiver_mb": report["rss_mb"],
        }.items()
    }


def call_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """One: a column a call."""
    names = [name for name in _LABELS if f"calls/{name}/fps" in figures]

    def row(label: str, key: str, decimals: int, **how: Any) -> tuple[str, ...]:
        return (label, *(shown(figures, f"calls/{name}/{key}", decimals, **how) for name in names))

    def pair(label: str, keys: tuple[str, str], decimals: int, per: float) -> tuple[str, ...]:
        first, second = (row(label, key, decimals, per=per) for key in keys)
        return (label, *(f"{a} / {b}" for a, b in zip(first[1:], second[1:], strict=True)))

    rows = (
        row("pictures a second", "fps", 1),
        row("whole call on the wire, both ways, sound in it, kbit/s", "call_bps", 1, per=1e3),
        row("parameters inside the sound, kbit/s", "inband_bps", 1, per=1e3),
        pair(
            "data channel, there / back, kbit/s", ("wire_bps_forward", "wire_bps_reverse"), 1, 1e3
        ),
        row("payload in it, kbit/s", "payload_bps", 1, per=1e3),
        pair(
            "capture to picture at the encoder, p50 / p95, ms",
            ("latency_p50_ms", "latency_p95_ms"),
            0,
            1,
        ),
        row("sound before its picture, ms", "av_offset_ms", 0, signed=True),
        row("landmarks, rebuilt against driving (AKD), px", "akd_px", 2),
        row("frozen while the driver moves, %", "frozen_share", 0, per=0.01),
        row("references", "references", 0),
        row("their bytes in all", "reference_bytes", 0),
        row("receiver's memory, most, MB", "receiver_mb", 0),
    )
    whys = tuple(
        f"{_LABELS[name]}: {figure.why}"
        for name in names
        if (figure := figures[f"calls/{name}/fps"]).why is not None
    )
    return [ResultTable("Whole calls", ("", *(_LABELS[name] for name in names)), rows, whys)]
