"""What the demo shows while the call runs: stages, rates and drops. Pure."""

import math
from collections.abc import Sequence

from rich.table import Table

from shared.in_band import Transport
from shared.metrics import Stage
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireSnapshot

_SENDER_STAGES = (Stage.CAPTURE, Stage.TRACK, Stage.FIT, Stage.ENCODE)
_RATE_WINDOW_RECORDS = 4


def live_table(
    sender: Sequence[TraceRecord],
    receiver: Sequence[TraceRecord],
    hop: Sequence[tuple[int, WireSnapshot]],
) -> Table:
    """The newest numbers of both processes; rates are over the last two seconds.

    `hop` is our player's own count, (monotonic ns, snapshot); empty when a browser plays.
    """
    table = Table(title="Kilocall", show_lines=False, title_justify="left")
    table.add_column("stage", min_width=12)
    table.add_column("p50 ms", justify="right", min_width=8)
    table.add_column("p95 ms", justify="right", min_width=8)
    table.add_column("", min_width=2)
    table.add_column("rate or count", min_width=26)
    table.add_column("", justify="right", min_width=12)
    stages = _stage_rows(sender, receiver)
    numbers = _number_rows(sender, receiver, hop)
    for index in range(max(len(stages), len(numbers))):
        stage = stages[index] if index < len(stages) else ("", "", "")
        number = numbers[index] if index < len(numbers) else ("", "")
        table.add_row(*stage, "", *number)
    return table


def _stage_rows(
    sender: Sequence[TraceRecord], receiver: Sequence[TraceRecord]
) -> list[tuple[str, str, str]]:
    rows = []
    for stage in Stage:
        records = sender if stage in _SENDER_STAGES else receiver
        summary = records[-1].metrics.stages.get(stage.value) if records else None
        if summary is None or math.isnan(summary.p50_ms):
            rows.append((stage.value, "-", "-"))
        else:
            rows.append((stage.value, f"{summary.p50_ms:.2f}", f"{summary.p95_ms:.2f}"))
    return rows


def _number_rows(
    sender: Sequence[TraceRecord],
    receiver: Sequence[TraceRecord],
    hop: Sequence[tuple[int, WireSnapshot]],
) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if len(sender) >= 2:
        last, before = sender[-1], sender[max(0, len(sender) - 1 - _RATE_WINDOW_RECORDS)]
        seconds = max((last.time_ns - before.time_ns) / 1e9, 1e-3)
        frames = last.counter("frames_sent") - before.counter("frames_sent")
        rows.append(("frames sent", f"{frames / seconds:.1f} /s"))
        payload = last.counter("payload_bytes") - before.counter("payload_bytes")
        rows.append(("parameters, payload", _kilobits(payload, seconds)))
        ways = [last.counter("transport_messages", way) for way in Transport]
        ways_before = [before.counter("transport_messages", way) for way in Transport]
        if sum(ways) > sum(ways_before):
            share = (ways[1] - ways_before[1]) / (sum(ways) - sum(ways_before))
            rows.append(("parameters, inside the sound", f"{share:.0%}"))
        if last.wire is not None and before.wire is not None:
            wire = last.wire - before.wire
            rows += [
                ("data on the wire, forward", _kilobits(wire.data_sent.bytes, seconds)),
                ("data on the wire, back", _kilobits(wire.data_received.bytes, seconds)),
                (
                    "sound on the wire",
                    _kilobits(wire.audio_sent.bytes + wire.audio_received.bytes, seconds),
                ),
            ]
        rows.append(
            (
                "references",
                f"{last.counter('references_sent')} ({_reference_bytes(last)} B)",
            )
        )
        rows.append(("crop moves", str(last.counter("crop_moves"))))
    if len(hop) >= 2:
        (before_ns, hop_before), (last_ns, hop_last) = hop[max(0, len(hop) - 9)], hop[-1]
        video = (hop_last - hop_before).video_received.bytes
        rows.append(("picture hop", _kilobits(video, max((last_ns - before_ns) / 1e9, 1e-3))))
    for side, records in (("sender", sender), ("receiver", receiver)):
        if records:
            rows += [
                (f"dropped, {side}: {label or 'frames'}", str(count))
                for label, count in sorted(records[-1].counters("frames_dropped").items())
            ]
    return rows


def _reference_bytes(record: TraceRecord) -> int:
    return record.counter("control_bytes", "reference")


def _kilobits(count: int, seconds: float) -> str:
    return f"{count * 8 / seconds / 1000:.1f} kbit/s"
