"""One call, read every few seconds: what was counted until then, and what was between two."""

from dataclasses import dataclass, fields

from benchmarks.process_usage import ProcessUsage
from benchmarks.scale_scores import mean_render_ms
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireCount, WireSnapshot

_NO_WIRE = WireSnapshot(*(WireCount() for _ in fields(WireSnapshot)))


@dataclass(frozen=True, slots=True, eq=False)
class SoakReading:
    """Everything counted until one moment."""

    receiver: ProcessUsage
    sender: ProcessUsage
    receiver_trace: TraceRecord
    """The newest there was, as the sender's."""

    sender_trace: TraceRecord
    pictures: int
    """Complete ones that came to the viewer."""


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """Of one process."""

    resident_mb: float
    """At the end of the time, as `own_mb`, `threads` and `open_files`."""

    own_mb: float | None
    """Of it, what belongs to no file; None where the system does not tell."""

    threads: int | None
    open_files: int | None
    cores: float
    """Seconds of processor a second."""


@dataclass(frozen=True, slots=True)
class SoakSample:
    """Some seconds of a call."""

    seconds: float
    """Of their end, since the first reading."""

    receiver: ProcessSample
    sender: ProcessSample
    pictures_hz: float
    """That came to the viewer."""

    dropped_hz: float
    """Frames that receiver and sender gave up."""

    wire_kbps: float
    """Between sender and receiver, both ways, everything counted, sound too."""

    sound_kbps: float
    """Of it, packets of sound and their reports; parameters inside them too."""

    render_ms: float
    """Mean of a picture in the receiver; NaN where none was made."""


def sample_between(before: SoakReading, after: SoakReading, *, origin_ns: int) -> SoakSample:
    """Rates are of the time between; counts of a trace are of the trace's own times."""
    wire = _wire(after) - _wire(before)
    traced = (after.sender_trace.time_ns - before.sender_trace.time_ns) / 1e9
    seen = (after.receiver.time_ns - before.receiver.time_ns) / 1e9
    sound_bytes = wire.audio_sent.bytes + wire.audio_received.bytes
    return SoakSample(
        seconds=(after.receiver.time_ns - origin_ns) / 1e9,
        receiver=_process(before.receiver, after.receiver),
        sender=_process(before.sender, after.sender),
        pictures_hz=_rate(after.pictures - before.pictures, seen),
        dropped_hz=_dropped_hz(before.receiver_trace, after.receiver_trace)
        + _dropped_hz(before.sender_trace, after.sender_trace),
        wire_kbps=_rate(8e-3 * (wire.sent_bytes + wire.received_bytes), traced),
        sound_kbps=_rate(8e-3 * sound_bytes, traced),
        render_ms=mean_render_ms(before.receiver_trace, after.receiver_trace),
    )


def _process(before: ProcessUsage, after: ProcessUsage) -> ProcessSample:
    return ProcessSample(
        resident_mb=after.resident_bytes / 1e6,
        own_mb=None if after.own_bytes is None else after.own_bytes / 1e6,
        threads=after.threads,
        open_files=after.open_files,
        cores=after.cores_since(before),
    )


def _wire(reading: SoakReading) -> WireSnapshot:
    return reading.sender_trace.wire or _NO_WIRE


def _dropped_hz(before: TraceRecord, after: TraceRecord) -> float:
    dropped = sum(after.counters("frames_dropped").values())
    dropped -= sum(before.counters("frames_dropped").values())
    return _rate(dropped, (after.time_ns - before.time_ns) / 1e9)


def _rate(amount: float, seconds: float) -> float:
    return amount / seconds if seconds > 0 else 0.0
