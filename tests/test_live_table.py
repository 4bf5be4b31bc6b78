"""The table shows rates over the last two seconds, and nothing that it does not know."""

import io
import re
from dataclasses import fields, replace

from rich.console import Console

from benchmarks.live_table import live_table
from shared.metrics import DurationSummary, MetricsSnapshot
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireCount, WireSnapshot

_NOTHING = WireSnapshot(*(WireCount() for _ in fields(WireSnapshot)))
_HALF_NS = 500_000_000


def _record(index: int) -> TraceRecord:
    metrics = MetricsSnapshot(
        {"track": DurationSummary(1, 5.0, 5.25, 6.5, 7.0)},
        {
            ("frames_sent", ""): 12 * index,
            ("frames_dropped", "late"): 3,
            ("transport_messages", "inband"): 9 * index,
            ("transport_messages", "datachannel"): 3 * index + 50,
        },
        {},
    )
    wire = replace(_NOTHING, data_sent=WireCount(0, 625 * index))
    return TraceRecord(index * _HALF_NS, metrics, wire)


def _text(*arguments: object) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(live_table(*arguments))  # type: ignore[arg-type]
    return capture.get()


def test_rates_are_of_the_last_two_seconds() -> None:
    hop = [
        (i * _HALF_NS, replace(_NOTHING, video_received=WireCount(0, 25_000 * i)))
        for i in range(20)
    ]
    text = _text([_record(i) for i in range(10)], [_record(i) for i in range(10)], hop)
    assert "24.0 /s" in text
    assert "10.0 kbit/s" in text
    assert "400.0 kbit/s" in text
    assert "5.25" in text
    assert "dropped, sender: late" in text
    assert re.search(r"parameters, inside the sound +│ +75%", text)


def test_before_the_first_record_there_are_only_dashes() -> None:
    text = _text([], [], [])
    assert "capture" in text
    assert "kbit/s" not in text
