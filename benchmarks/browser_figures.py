"""What of a page's run others quote."""

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable

PORTABLE = frozenset(("page_bytes", "tracking_bytes"))

_STAGES = {
    "track": "tracking, one face",
    "fit": "fit",
    "encode": "encoding",
    "whole": "from a frame to what is sent of it",
}


def browser_figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """Of a report as JSON."""
    found: dict[str, float | None] = {
        f"browser/{stage}/{name}": value
        for stage, times in content["stages"].items()
        for name, value in times.items()
    }
    names = ("frames_per_second", "page_bytes", "tracking_bytes", "lobby_seconds")
    for name in (*names, "tracked_seconds"):
        found[f"browser/{name}"] = content[name]
    return found


def browser_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """One: time by stage, weight, first load."""

    def of(name: str, decimals: int = 0, per: float = 1.0) -> str:
        return shown(figures, f"browser/{name}", decimals, per=per)

    rows = [
        (label, f"{of(f'{stage}/p50_ms', 2)} ms", f"{of(f'{stage}/p95_ms', 2)} ms")
        for stage, label in _STAGES.items()
    ]
    rows += [
        ("frames a second, one after the other", of("frames_per_second"), ""),
        ("page and scripts", f"{of('page_bytes', per=1e3)} KB", ""),
        ("networks, model and runtime", f"{of('tracking_bytes', 1, 1e6)} MB", ""),
        ("first load on loopback, cold: the lobby", f"{of('lobby_seconds', 1)} s", ""),
        ("first load on loopback, cold: the face is followed", f"{of('tracked_seconds', 1)} s", ""),
    ]
    return [ResultTable("A page that sends", ("", "p50", "p95"), tuple(rows))]
