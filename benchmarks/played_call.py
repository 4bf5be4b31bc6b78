"""What a player of the call got: each picture and each packet of sound, with all its times."""

from dataclasses import dataclass, field
from statistics import median

from shared.clock import TICKS_PER_SECOND, ns_from_ticks, ticks_difference
from shared.sequence import sequence_difference

AUDIO_RATE = 48_000


@dataclass(frozen=True, slots=True)
class PlayedPicture:
    """One picture of the picture hop."""

    data: bytes
    """VP8, as it came; pictures must be decoded in order, from the first."""

    timestamp: int
    """RTP, 90 kHz, modulo 2^32."""

    decoded_ns: int
    """Monotonic time at which it was decoded."""

    capture_time: int | None
    """By its bar code: ticks, modulo 2^32; None when that cannot be read."""

    glass_latency_ms: float | None
    """Capture to decoded, by the bar code."""


@dataclass(frozen=True, slots=True)
class PlayedPacket:
    """One Opus packet."""

    payload: bytes
    timestamp: int
    """RTP, 48 kHz, modulo 2^32."""

    arrival_ns: int
    """Monotonic."""


@dataclass(slots=True)
class PlayedCall:
    """Grows while the call is played."""

    pictures: list[PlayedPicture] = field(default_factory=list)
    packets: list[PlayedPacket] = field(default_factory=list)
    pictures_lost: int = 0

    @property
    def glass_latency_ms(self) -> float | None:
        """Median over all pictures; None before the first with a bar code."""
        latencies = [p.glass_latency_ms for p in self.pictures if p.glass_latency_ms is not None]
        return median(latencies) if latencies else None

    def picture_times_ns(self) -> list[int]:
        """When each picture is shown: its RTP time, moved to the player's clock as a whole.

        The spacing is the sender's of the pictures; a network's jitter is what a player's
        buffer takes away.
        """
        return _presentation_ns(
            [p.timestamp for p in self.pictures],
            [p.decoded_ns for p in self.pictures],
            TICKS_PER_SECOND,
        )

    def packet_times_ns(self) -> list[int]:
        """When each packet of sound is heard, likewise."""
        return _presentation_ns(
            [p.timestamp for p in self.packets], [p.arrival_ns for p in self.packets], AUDIO_RATE
        )


def _presentation_ns(timestamps: list[int], arrivals_ns: list[int], rate: int) -> list[int]:
    if not timestamps:
        return []
    elapsed_ns = [
        sequence_difference(timestamp, timestamps[0], bits=32) * 1_000_000_000 // rate
        for timestamp in timestamps
    ]
    offset_ns = round(median(a - e for a, e in zip(arrivals_ns, elapsed_ns, strict=True)))
    return [offset_ns + e for e in elapsed_ns]


def audio_early_ms(
    call: PlayedCall, sent: list[tuple[bytes, int]], ticks_at_zero: int
) -> float | None:
    """A/V offset: how much earlier sound comes than its picture; +45: sound 45 ms early.

    `sent` are the sender's packets with their capture times in ticks. A packet is known again
    by its bytes, as the receiver relays without decoding, so neither clock nor report of the
    way between is trusted. `ticks_at_zero` is the capture clock at monotonic time 0. None
    without sound, or before a picture with a bar code.
    """
    counts: dict[bytes, int] = {}
    for payload, _ in sent:
        counts[payload] = counts.get(payload, 0) + 1
    # Packets of digital silence are all alike; they tell nothing.
    times = {payload: time for payload, time in sent if counts[payload] == 1}
    audio_delays = [
        _delay_ms(heard_ns, times[packet.payload], ticks_at_zero)
        for packet, heard_ns in zip(call.packets, call.packet_times_ns(), strict=True)
        if packet.payload in times
    ]
    video_delays = [
        _delay_ms(shown_ns, picture.capture_time, ticks_at_zero)
        for picture, shown_ns in zip(call.pictures, call.picture_times_ns(), strict=True)
        if picture.capture_time is not None
    ]
    if not audio_delays or not video_delays:
        return None
    return median(video_delays) - median(audio_delays)


def monotonic_ns(capture_time: int, ticks_at_zero: int, near_ns: int) -> int:
    """The monotonic time, within seven hours of `near_ns`, of a capture time in ticks."""
    near_ticks = ticks_at_zero + near_ns * 9 // 100_000
    return near_ns + ns_from_ticks(ticks_difference(capture_time, near_ticks))


def _delay_ms(time_ns: int, capture_time: int, ticks_at_zero: int) -> float:
    return (time_ns - monotonic_ns(capture_time, ticks_at_zero, time_ns)) / 1e6
