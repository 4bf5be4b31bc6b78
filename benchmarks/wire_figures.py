"""What of a wire run others quote: every row of calls, and openings, by the link's conditions."""

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable

PORTABLE = frozenset(
    (
        "forward_bps",
        "back_bps",
        "audio_bps",
        "in_band_bps",
        "payload_bps",
        "delivered_percent",
        "frozen_percent",
        "error_px",
    )
)

_ROWS = {
    "datachannel/1frames/loss0": "data channel, 1 frame a message",
    "datachannel/1frames/loss30": "the same, 30 % loss (each frame twice)",
    "datachannel/1frames/loss50": "the same, 50 % loss",
    "datachannel/2frames/loss0": "2 frames a message",
    "datachannel/3frames/loss0": "3 frames a message",
    "inband/auto/loss0/voice": "inside the sound",
    "inband/auto/loss30/voice": "the same, 30 % loss",
    "inband/auto/loss0/rate18k/voice": "link of 18 kbit/s, voice, inside the sound",
    "datachannel/auto/loss0/rate24k/voice": "link of 24 kbit/s, voice, data channel",
    "datachannel/auto/loss0/rate8k": "link of 8 kbit/s, no voice",
}
_OPENINGS = ("loss0", "loss20", "loss50")
_USUAL_DELAY_MS = 30.0


def wire_figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """Of a report as JSON; a row that was not measured has no figures."""
    found: dict[str, float | None] = {}
    for row in content["cells"]:
        scores = row["scores"]
        if scores is None:
            continue
        values = {
            "forward_bps": scores["forward_bps"],
            "back_bps": scores["back_bps"],
            "audio_bps": scores["audio_forward_bps"] + scores["audio_back_bps"],
            "in_band_bps": scores["in_band_bps"],
            "payload_bps": scores["payload_bps"],
            "delivered_percent": _percent(scores["delivered"]),
            "shown_p50_ms": scores["shown_ms"]["p50"],
            "shown_p95_ms": scores["shown_ms"]["p95"],
            "frozen_percent": _percent(scores["frozen"]),
            "error_px": scores["error_px"],
        }
        name = _name(row["cell"])
        found |= {f"wire/{name}/{key}": value for key, value in values.items()}
    for row in content["openings"]:
        if not row["seeds"]:
            continue
        name = f"wire/opening/loss{100 * row['loss']:.0f}"
        found[f"{name}/median_s"] = row["median_s"]
        found[f"{name}/p95_s"] = row["p95_s"]
        found[f"{name}/never_percent"] = 100 * row["never"] / row["seeds"]
    missed = sum(target["verdict"] == "missed" for target in content["targets"])
    return {
        **found,
        "wire/targets_missed": float(missed),
        "wire/targets": float(len(content["targets"])),
    }


def wire_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """Calls over the link, and openings."""

    def of(name: str, key: str, decimals: int, per: float = 1.0) -> str:
        return shown(figures, f"wire/{name}/{key}", decimals, per=per)

    calls = tuple(
        (
            label,
            ", ".join(of(name, key, 1, 1e3) for key in ("forward_bps", "back_bps")),
            of(name, "audio_bps", 1, 1e3) if name.endswith("voice") else "",
            of(name, "delivered_percent", 0),
            " / ".join(of(name, key, 0) for key in ("shown_p50_ms", "shown_p95_ms")),
            of(name, "frozen_percent", 1),
            of(name, "error_px", 2),
        )
        for name, label in _ROWS.items()
        if f"wire/{name}/forward_bps" in figures
    )
    columns = (
        "sender to receiver, back",
        "kbit/s",
        "sound apart, kbit/s",
        "frames delivered, %",
        "capture to shown beyond the link, p50 / p95, ms",
        "frozen, %",
        "error of the shown face, px",
    )
    openings = tuple(
        (
            f"{loss.removeprefix('loss')} %",
            of(f"opening/{loss}", "median_s", 1),
            of(f"opening/{loss}", "p95_s", 1),
            of(f"opening/{loss}", "never_percent", 0),
        )
        for loss in _OPENINGS
        if f"wire/opening/{loss}/never_percent" in figures
    )
    opening_columns = ("loss", "open after, median, s", "p95, s", "not within a minute, %")
    return [
        ResultTable("Calls over a link of 30 +- 6 ms", columns, calls),
        ResultTable("Opening a call, WHIP included", opening_columns, openings),
    ]


def _name(cell: Mapping[str, Any]) -> str:
    """Such as datachannel/2frames/loss30; what is usual is left out."""
    conditions = cell["conditions"]
    count = cell["frames_per_message"]
    parts = [cell["transport"], "auto" if count is None else f"{count}frames"]
    parts.append(f"loss{100 * conditions['loss']:.0f}")
    if conditions["delay_ms"] != _USUAL_DELAY_MS:
        parts.append(f"delay{conditions['delay_ms']:.0f}")
    if conditions["rate_bps"]:
        parts.append(f"rate{conditions['rate_bps'] / 1000:.0f}k")
    if cell["voice"]:
        parts.append("voice")
    return "/".join(parts)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
