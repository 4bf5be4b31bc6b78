"""What a call may spend: the choices that make its rate, from rich to thin."""

from dataclasses import dataclass, replace

from shared.quantization import Precision

FRAMES_PER_MESSAGE = (1, 2, 3)
AUDIO_PACKET_MS = (20, 40, 60)
FRAME_RATES_HZ = (25.0, 15.0, 10.0)
AUDIO_BITRATES_BPS = (16_000, 12_000, 8_000, 6_000)
PRECISIONS = (Precision.STANDARD, Precision.COARSE)
"""Of the parameters; each next one is coarser."""

NORMAL_FRAMES_PER_MESSAGE = 2
"""Where loss does not ask for one."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How a call sends at one moment."""

    frames_per_message: int
    """1..3."""

    audio_packet_ms: int
    """20, 40 or 60."""

    frame_rate_hz: float
    """Most frames a second."""

    audio_bitrate_bps: int
    """Of Opus alone."""

    precision: Precision = PRECISIONS[0]
    """Of the parameters."""

    repeated: int = 0
    """Frames of the message before that each message begins with, 0 or 1."""

    is_thinned: bool = False
    """Whether `frame_rate_hz` is less than the source gives."""

    def __str__(self) -> str:
        frames = f"{self.frames_per_message} a message, at most {self.frame_rate_hz:g} a second"
        sound = f"sound {self.audio_bitrate_bps / 1e3:g} kbit/s in {self.audio_packet_ms} ms"
        again = ", each sent twice" if self.repeated else ""
        return f"frames {frames}{again}; {sound}"


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What the user asked for: where the ladder begins and which rungs it has."""

    has_sound: bool
    frame_rate_hz: float = FRAME_RATES_HZ[0]
    audio_packet_ms: int = AUDIO_PACKET_MS[0]
    audio_bitrate_bps: int = AUDIO_BITRATES_BPS[0]
    frames_per_message: int | None = None
    """Fixed, 1..3; None: chosen."""

    max_bps: float | None = None
    """Most that the sender may put on the wire, everything counted."""


def ladder(
    limits: CallLimits, *, is_lossy: bool = False, is_in_band: bool = False
) -> tuple[OperatingPoint, ...]:
    """The operating points of a call, from rich to thin, in the order of what each step saves.

    Under loss the first one has one frame a message, and the frame of the message before once
    more: 5 bytes bring back most of what is lost (`benchmarks/repeat_trial.py`). Without it, a
    lost message costs one frame, which lies between two that came. In-band a message has no
    headers of its own to save: one frame a message is normal there, and more come last.
    """
    fixed = limits.frames_per_message
    point = OperatingPoint(
        frames_per_message=fixed or FRAMES_PER_MESSAGE[0],
        audio_packet_ms=limits.audio_packet_ms,
        frame_rate_hz=limits.frame_rate_hz,
        audio_bitrate_bps=limits.audio_bitrate_bps,
    )
    points = [point]
    if fixed is None and not is_in_band:
        points += [replace(point, frames_per_message=count) for count in FRAMES_PER_MESSAGE[1:]]
        if not is_lossy:
            del points[: NORMAL_FRAMES_PER_MESSAGE - FRAMES_PER_MESSAGE[0]]
    if limits.has_sound:
        for packet_ms in AUDIO_PACKET_MS:
            if packet_ms > limits.audio_packet_ms:
                points.append(replace(points[-1], audio_packet_ms=packet_ms))
    for rate_hz in FRAME_RATES_HZ:
        if rate_hz < limits.frame_rate_hz:
            points.append(replace(points[-1], frame_rate_hz=rate_hz, is_thinned=True))
    if limits.has_sound:
        for bitrate_bps in AUDIO_BITRATES_BPS:
            if bitrate_bps < limits.audio_bitrate_bps:
                points.append(replace(points[-1], audio_bitrate_bps=bitrate_bps))
    points += [replace(points[-1], precision=precision) for precision in PRECISIONS[1:]]
    if fixed is None and is_in_band:
        points.append(replace(points[-1], frames_per_message=NORMAL_FRAMES_PER_MESSAGE))
    # Messages that share a packet of sound are lost together.
    is_alone = not is_in_band or limits.audio_packet_ms * limits.frame_rate_hz <= 1000
    if is_lossy and is_alone and point.frames_per_message == 1:
        points.insert(0, replace(point, repeated=1))
    return tuple(points)
