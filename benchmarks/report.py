"""The numbers of one call, from what its processes counted. Pure arithmetic.

Rates are of the steady state: from the first picture at the player to the end, without the
bytes that carry references. `totals` holds everything, handshake and references included.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from benchmarks.agreement import Agreement
from benchmarks.link_model import LinkSnapshot
from benchmarks.machine import MachineFacts
from benchmarks.played_call import PlayedCall
from shared.errors import ArtifactError
from shared.in_band import Transport
from shared.metrics import Stage
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireCount, WireSnapshot

MESSAGE_OVERHEAD_BYTES = 93
"""IP 20, UDP 8, DTLS record 37, SCTP 12, DATA chunk 16: around each message of one datagram."""

_NO_WIRE = WireSnapshot(*(WireCount() for _ in fields(WireSnapshot)))

_SENDER_STAGES = (Stage.CAPTURE, Stage.TRACK, Stage.FIT, Stage.ENCODE)
_DROP_COUNTERS = ("frames_dropped", "messages_dropped", "references_dropped", "drops")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of durations, in milliseconds; None where nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that crossed the network from start to end, IP and UDP headers included."""

    seconds: float
    """From the sender's first record to its last."""

    wire_bytes_forward: int
    """Parameters and control with references and handshake, sender to receiver."""

    wire_bytes_reverse: int
    audio_wire_bytes: int
    """Sound, both ways: its RTP and RTCP."""

    connection_bytes: int
    """STUN, both ways."""

    picture_hop_bytes: int
    """Receiver to player."""

    payload_bytes: int
    """SCTP user bytes of parameter messages."""

    reference_wire_bytes: int
    """Messages that carry references, with what is around them; part of `wire_bytes_forward`."""


@dataclass(frozen=True, slots=True)
class TransportUse:
    """How the parameters travelled, whole call."""

    messages_datachannel: int
    messages_inband: int
    """Inside packets of sound."""

    inband_bps: float
    """What they add to the packets of sound, of the steady state; part of `audio_wire_bps`."""

    inband_wait_ms: float | None
    """Mean wait of a message for its packet of sound; None where none rode."""

    fallbacks: dict[str, int]
    """Messages that were to ride and went on the data channel, by reason."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `report.json` holds. All `_bps` are bits per second of the steady state."""

    frames_in: int
    """Frames that the sender captured, whole call."""

    frames_out: int
    """Rebuilt pictures that the player decoded, whole call."""

    fps_out: float
    """Rebuilt pictures a second at the player, first to last."""

    payload_bps: float
    """SCTP user bytes of parameter messages."""

    wire_bps_forward: float
    """Parameters and control, sender to receiver, everything around them counted."""

    wire_bps_reverse: float
    """The same, receiver to sender."""

    audio_wire_bps: float
    """Sound, sender to receiver, with the reports of both ways."""

    call_bps: float
    """All of it between sender and receiver, both ways."""

    connection_bps: float
    """STUN between sender and receiver, both ways."""

    transport: TransportUse
    picture_hop_bps: float
    """Ordinary video, receiver to player."""

    reference_bytes: int
    """Control messages that carry references (pictures, parameters, identity), whole call."""

    references_sent: int
    crop_moves: int
    latency_ms: Percentiles
    """Capture to rebuilt picture handed to the encoder, whole call."""

    glass_latency_ms: float | None
    """Median of capture to decoded at the player, by the bar code."""

    av_offset_ms: float | None
    """How much earlier sound is than its picture at the player; +45: 45 ms early. None: silent."""

    stages_ms: dict[str, Percentiles]
    """Durations of each stage, both processes."""

    drops: dict[str, int]
    """Frames and messages given up, by reason, whole call."""

    own_mb: float | None
    """What of the receiver's memory belonged to no file at the end, MB; None where the system does
    not tell. How much of the libraries' files is mapped beside it depends on the page cache."""

    rss_mb: float | None
    """Largest resident memory of the receiver, MB (10^6 bytes)."""

    generator: str
    input: str
    totals: Totals
    agreement: Agreement | None
    """Rebuilt against driving face; None where it was not compared."""

    link: LinkSnapshot | None
    """What the emulated link carried and lost; None without one."""

    def to_json(self, machine: MachineFacts) -> str:
        """Numbers rounded to what they mean, and what they were measured on; no NaN."""
        found = _rounded(asdict(self)) | {"machine": machine.as_json()}
        return json.dumps(found, indent=2, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class CallMeasurement:
    """What a call left behind."""

    sender: Sequence[TraceRecord]
    """Oldest first; at least one."""

    receiver: Sequence[TraceRecord]
    hop: Sequence[tuple[int, WireSnapshot]]
    """(monotonic ns, the player's own wire counter), oldest first."""

    call: PlayedCall
    av_offset_ms: float | None
    own_bytes: int | None
    rss_bytes: int | None
    generator: str
    input: str
    agreement: Agreement | None = None
    link: LinkSnapshot | None = None


def make_report(measured: CallMeasurement) -> Report:
    """Raises ArtifactError when a process left no trace or no picture was played."""
    if not measured.sender or not measured.receiver:
        side = "sender" if not measured.sender else "receiver"
        raise ArtifactError(f"the {side} left no trace, so there is nothing to report")
    pictures = measured.call.pictures
    if not pictures:
        raise ArtifactError("no picture was played, so there is nothing to report")
    first_ns, last_ns = pictures[0].decoded_ns, pictures[-1].decoded_ns
    start, end = _window([r.time_ns for r in measured.sender], first_ns, last_ns)
    before, after = measured.sender[start], measured.sender[end]
    seconds = (after.time_ns - before.time_ns) / 1e9
    wire = _wire(after) - _wire(before)
    hop_start, hop_end = _window([time_ns for time_ns, _ in measured.hop], first_ns, last_ns)
    hop_seconds = (measured.hop[hop_end][0] - measured.hop[hop_start][0]) / 1e9
    hop = measured.hop[hop_end][1] - measured.hop[hop_start][1]
    reference_wire = _reference_wire(after) - _reference_wire(before)
    last_receiver = measured.receiver[-1]
    latency = last_receiver.metrics.stages.get(Stage.LATENCY.value)
    last = measured.sender[-1]
    return Report(
        frames_in=last.counter("frames_in"),
        frames_out=len(pictures),
        fps_out=_rate(len(pictures) - 1, (last_ns - first_ns) / 1e9),
        payload_bps=_rate(8 * (_payload(after) - _payload(before)), seconds),
        wire_bps_forward=_rate(8 * (wire.data_sent.bytes - reference_wire), seconds),
        wire_bps_reverse=_rate(8 * wire.data_received.bytes, seconds),
        audio_wire_bps=_rate(8 * (wire.audio_sent.bytes + wire.audio_received.bytes), seconds),
        connection_bps=_rate(
            8 * (wire.connection_sent.bytes + wire.connection_received.bytes), seconds
        ),
        call_bps=_rate(8 * (_all_bytes(wire) - reference_wire), seconds),
        transport=_transport(before, after, last, seconds),
        picture_hop_bps=_rate(8 * hop.video_received.bytes, hop_seconds),
        reference_bytes=last.counter("control_bytes", "reference"),
        references_sent=last.counter("references_sent"),
        crop_moves=last.counter("crop_moves"),
        latency_ms=Percentiles(None, None, None)
        if latency is None
        else Percentiles(latency.p50_ms, latency.p95_ms, latency.p99_ms),
        glass_latency_ms=measured.call.glass_latency_ms,
        av_offset_ms=measured.av_offset_ms,
        stages_ms=_stages(last, last_receiver),
        drops=_drops(last, last_receiver, measured.call),
        own_mb=None if measured.own_bytes is None else measured.own_bytes / 1e6,
        rss_mb=None if measured.rss_bytes is None else measured.rss_bytes / 1e6,
        generator=measured.generator,
        input=measured.input,
        totals=_totals(measured),
        agreement=measured.agreement,
        link=measured.link,
    )


def _window(times_ns: Sequence[int], first_ns: int, last_ns: int) -> tuple[int, int]:
    """Indices of the first and the last record inside [first_ns, last_ns]; all, when too few."""
    inside = [i for i, time_ns in enumerate(times_ns) if first_ns <= time_ns <= last_ns]
    return (inside[0], inside[-1]) if len(inside) >= 2 else (0, len(times_ns) - 1)


def _rate(amount: float, seconds: float) -> float:
    return amount / seconds if seconds > 0 else 0.0


def _wire(record: TraceRecord) -> WireSnapshot:
    return record.wire or _NO_WIRE


def _payload(record: TraceRecord) -> int:
    return record.counter("payload_bytes")


def _all_bytes(wire: WireSnapshot) -> int:
    return sum(getattr(wire, field.name).bytes for field in fields(wire))


def _transport(
    before: TraceRecord, after: TraceRecord, last: TraceRecord, seconds: float
) -> TransportUse:
    riding = last.counter("transport_messages", Transport.IN_BAND)
    added = after.counter("in_band_bytes") - before.counter("in_band_bytes")
    return TransportUse(
        messages_datachannel=last.counter("transport_messages", Transport.DATA_CHANNEL),
        messages_inband=riding,
        inband_bps=_rate(8 * added, seconds),
        inband_wait_ms=last.counter("in_band_wait_ms") / riding if riding else None,
        fallbacks=last.counters("in_band_fallbacks"),
    )


def _reference_wire(record: TraceRecord) -> int:
    messages = record.counter("control_messages", "reference")
    return record.counter("control_bytes", "reference") + MESSAGE_OVERHEAD_BYTES * messages


def _totals(measured: CallMeasurement) -> Totals:
    last = measured.sender[-1]
    wire = _wire(last)
    return Totals(
        seconds=(last.time_ns - measured.sender[0].time_ns) / 1e9,
        wire_bytes_forward=wire.data_sent.bytes,
        wire_bytes_reverse=wire.data_received.bytes,
        audio_wire_bytes=wire.audio_sent.bytes + wire.audio_received.bytes,
        connection_bytes=wire.connection_sent.bytes + wire.connection_received.bytes,
        picture_hop_bytes=measured.hop[-1][1].video_received.bytes,
        payload_bytes=_payload(last),
        reference_wire_bytes=_reference_wire(last),
    )


def _stages(sender: TraceRecord, receiver: TraceRecord) -> dict[str, Percentiles]:
    stages = {stage.value: sender.metrics.stages.get(stage.value) for stage in _SENDER_STAGES}
    for stage in Stage:
        if stage not in (*_SENDER_STAGES, Stage.LATENCY):
            stages[stage.value] = receiver.metrics.stages.get(stage.value)
    return {
        name: Percentiles(summary.p50_ms, summary.p95_ms, summary.p99_ms)
        for name, summary in stages.items()
        if summary is not None
    }


def _drops(sender: TraceRecord, receiver: TraceRecord, call: PlayedCall) -> dict[str, int]:
    drops: dict[str, int] = {}
    for side, record in (("sender", sender), ("receiver", receiver)):
        for name in _DROP_COUNTERS:
            for label, count in record.counters(name).items():
                drops[f"{side}.{name}{'.' if label else ''}{label}"] = count
    if call.pictures_lost:
        drops["player.pictures"] = call.pictures_lost
    return drops


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return round(value, 4 if abs(value) < 10 else 1)
    return value
