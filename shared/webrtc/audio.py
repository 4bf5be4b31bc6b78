"""Opus packets on their way: from our encoder or another party, to aiortc, never decoded."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND
from shared.errors import BitstreamError
from shared.in_band import extract
from shared.sequence import extend_sequence, sequence_difference
from shared.webrtc.aiortc.rtp_tap import RtpArrival, SenderReport

SAMPLE_RATE_HZ = 48_000
"""The RTP clock of Opus, whatever the audio's own rate (RFC 7587, section 4.1)."""

_TIME_BASE = Fraction(1, SAMPLE_RATE_HZ)

MAX_PAYLOAD_BYTES = 1275 * 3 + 7
"""Three frames of the largest size and their lengths (RFC 6716, section 3.4); more is no speech."""

MAX_DURATION = 5760
"""120 ms, the longest packet (RFC 6716, section 3.2.5 R5), in 48 kHz ticks."""

_SILK_DURATIONS = (480, 960, 1920, 2880)
_HYBRID_DURATIONS = (480, 960)
_CELT_DURATIONS = (120, 240, 480, 960)


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """One Opus packet and when its first sample was captured."""

    payload: bytes
    """As it goes into RTP (RFC 7587), 1 to `MAX_PAYLOAD_BYTES` bytes."""

    duration: int
    """In ticks of 48 kHz, 120 (2.5 ms) to `MAX_DURATION`."""

    capture_time: int
    """90 kHz ticks of the sender's NTP clock, modulo 2^32."""


def opus_duration(payload: bytes) -> int:
    """The duration that an Opus packet's first bytes state, in 48 kHz ticks (RFC 6716, 3.1).

    Raises BitstreamError for an empty packet, one too large, and one of more than 120 ms.
    """
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise BitstreamError(f"Opus packet of {len(payload)} bytes, 1..{MAX_PAYLOAD_BYTES} allowed")
    configuration = payload[0] >> 3
    if configuration < 12:
        frame = _SILK_DURATIONS[configuration % 4]
    elif configuration < 16:
        frame = _HYBRID_DURATIONS[configuration % 2]
    else:
        frame = _CELT_DURATIONS[configuration % 4]
    code = payload[0] & 3
    if code == 3 and len(payload) < 2:
        raise BitstreamError("Opus packet of code 3 without a frame count")
    frames = (1, 2, 2, payload[1] & 0x3F if code == 3 else 0)[code]
    if not 0 < frames * frame <= MAX_DURATION:
        raise BitstreamError(
            f"Opus packet of {frames * frame} ticks of 48 kHz, 1..{MAX_DURATION} allowed"
        )
    return frames * frame


class OpusArrivals:
    """Turns tapped RTP packets into `OpusPacket`s, dated by the sender's reports.

    A browser's first report comes two or three seconds after its first sound. Until then packets
    are dated as `estimate` says of the first, or dropped where it knows nothing, as is what is no
    Opus; `on_drop` hears why. Late and repeated ones pass: the release decides on time.

    Parameter messages inside the packets are taken out first, and the packets passed on without
    them, byte for byte as the sender's encoder made them: what they say is for us alone, and some
    decoders do not skip padding as well as they should.
    """

    def __init__(
        self,
        on_packet: Callable[[OpusPacket], None],
        on_drop: Callable[[str], None],
        estimate: Callable[[int], int | None] = lambda arrival_ns: None,
    ) -> None:
        """`estimate`: capture time of what comes at a moment (monotonic); None: not known."""
        self._on_packet = on_packet
        self._on_drop = on_drop
        self._estimate = estimate
        self._report: SenderReport | None = None
        self._newest_sequence: int | None = None
        self._on_message: Callable[[bytes], None] | None = None
        self.received = 0
        """Packets that came, dated or not."""
        self.lost = 0
        """Gaps in the sequence so far, less what came late."""

    def read_in_band(self, on_message: Callable[[bytes], None]) -> None:
        """Hand parameter messages inside the packets to `on_message`; else they stay inside."""
        self._on_message = on_message

    def on_report(self, report: SenderReport) -> None:
        self._report = report

    def on_rtp(self, packet: RtpArrival) -> None:
        if packet.codec != "opus":
            self._on_drop("audio_codec")
            return
        self._count(packet.sequence_number)
        try:
            payload = self._take_messages(packet.payload)
            duration = opus_duration(payload)
        except BitstreamError:
            self._on_drop("audio_invalid")
            return
        # A report names its stream; one of an earlier stream dates nothing.
        if self._report is None or self._report.ssrc != packet.ssrc:
            guess = self._guess(packet)
            if guess is None:
                self._on_drop("audio_undated")
                return
            self._report = guess
        # Signed, as packets older than the report are dated by it too.
        behind = sequence_difference(packet.timestamp, self._report.timestamp, bits=32)
        ticks = behind * TICKS_PER_SECOND // SAMPLE_RATE_HZ
        capture_time = (self._report.capture_time + ticks) % TICKS_MODULUS
        self._on_packet(OpusPacket(payload, duration, capture_time))

    def _guess(self, packet: RtpArrival) -> SenderReport | None:
        """A report as the sender could have made it with this packet, until it makes one."""
        capture_time = self._estimate(packet.arrival_ns)
        if capture_time is None:
            return None
        return SenderReport(ssrc=packet.ssrc, timestamp=packet.timestamp, capture_time=capture_time)

    def _take_messages(self, payload: bytes) -> bytes:
        """The packet without its messages, which are handed on."""
        if self._on_message is None or len(payload) > MAX_PAYLOAD_BYTES:
            return payload
        found = extract(payload)
        if found.damaged:
            self._on_drop("in_band_damaged")
        for message in found.messages:
            self._on_message(message)
        return found.payload

    def _count(self, sequence: int) -> None:
        self.received += 1
        if self._newest_sequence is None:
            self._newest_sequence = sequence
            return
        step = sequence_difference(sequence, self._newest_sequence)
        if step > 0:
            self.lost += step - 1
            self._newest_sequence = sequence
        elif step < 0:
            self.lost = max(0, self.lost - 1)


class OpusPacketTrack(MediaStreamTrack):
    """Hands Opus packets to aiortc, which sends them as they are.

    Holds `capacity` packets at most; when full the oldest is dropped and counted, as sound that
    waits is late for good. RTP timestamps follow capture times, so gaps (silence, loss) stay
    gaps; differences below a quarter of a packet are taken for rounding.
    """

    kind = "audio"

    def __init__(self, *, capacity: int = 10) -> None:
        super().__init__()
        self._packets: deque[OpusPacket] = deque()
        self._capacity = capacity
        self._available = asyncio.Event()
        self._capture_time: int | None = None
        self._next_pts = 0
        self._last_pts: int | None = None
        self.dropped = 0
        """Packets given up because the connection did not take them in time."""

    @property
    def last_capture_time(self) -> int | None:
        """See `CaptureTimed`."""
        if self._last_pts is None:
            return None
        return self._last_pts * TICKS_PER_SECOND // SAMPLE_RATE_HZ % TICKS_MODULUS

    def put(self, packet: OpusPacket) -> None:
        """Queue a packet for sending; from the event loop only."""
        if self.readyState != "live":
            return
        if len(self._packets) == self._capacity:
            self._packets.popleft()
            self.dropped += 1
        self._packets.append(packet)
        self._available.set()

    async def recv(self) -> Packet:
        """The next packet, pts in 48 kHz ticks of an unwrapped capture clock.

        Raises MediaStreamError once the track is stopped.
        """
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._available.clear()
            await self._available.wait()
        packet = self._packets.popleft()
        encoded = Packet(packet.payload)
        encoded.pts = self._pts(packet)
        encoded.time_base = _TIME_BASE
        return encoded

    def stop(self) -> None:
        super().stop()
        self._packets.clear()
        self._available.set()

    def _pts(self, packet: OpusPacket) -> int:
        first = self._capture_time is None
        nearest = packet.capture_time if self._capture_time is None else self._capture_time
        self._capture_time = extend_sequence(packet.capture_time, nearest, bits=32)
        pts = self._capture_time * SAMPLE_RATE_HZ // TICKS_PER_SECOND
        if not first and abs(pts - self._next_pts) < packet.duration // 4:
            pts = self._next_pts
        self._last_pts = pts
        self._next_pts = pts + packet.duration
        return pts
