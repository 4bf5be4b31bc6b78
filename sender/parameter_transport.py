"""Which way a parameter message goes: inside a packet of sound or on the data channel. Pure.

    message --> sound runs, the receiver reads there, it fits --> waits for the next packet
           \\-> data channel                                       `-> waited too long: data channel

Inside a packet of sound a message costs 5 bytes beside its own, on the data channel 85 and an
acknowledgement, so bytes never speak against the sound. Time does: a message waits for half a
packet of sound on average (9 ms of 20, 30 of 60). A packet that comes in time is cheap, one that
does not costs the wait: where that happens again and again, AUTO keeps to the data channel for a
while.
"""

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum

from sender.encoded_message import EncodedMessage
from shared.errors import BitstreamError
from shared.in_band import (
    IN_BAND_MESSAGE_MAX_BYTES,
    IN_BAND_VERSION,
    Transport,
    count_that_fit,
    embed,
)
from shared.metrics import Metrics
from shared.webrtc.audio import SAMPLE_RATE_HZ, OpusPacket

LONGEST_WAIT_NS = 60_000_000
"""For a packet to ride, at least."""

LATE_PACKET_NS = 25_000_000
"""So late a packet may be in its own rhythm: files and microphones deliver 21 ms at a time."""

HOLD_OFF_NS = 2_000_000_000
"""After messages that waited in vain AUTO uses the data channel for so long."""

STUTTER_NS = 5_000_000_000
"""One wait in vain may be chance; two within this time are not."""

_MAX_WAITING = 8
"""Messages; more than 60 fps make in the longest wait."""


class TransportChoice(StrEnum):
    """What the user asks for."""

    DATA_CHANNEL = "datachannel"
    IN_BAND = "inband"
    """Whenever a packet of sound comes in time."""

    AUTO = "auto"
    """The same while packets of sound come in time, one or another apart."""


@dataclass(frozen=True, slots=True)
class LoadedPacket:
    """A packet of sound and the messages that ride in it."""

    packet: OpusPacket
    messages: tuple[EncodedMessage, ...]


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: EncodedMessage
    since_ns: int


class ParameterTransport:
    """The way of each message of one connection. Belongs to one thread."""

    def __init__(self, choice: TransportChoice, *, metrics: Metrics) -> None:
        self._choice = choice
        self._metrics = metrics
        self._is_read = False
        self._waiting: deque[_Waiting] = deque()
        self._packet_ns: int | None = None
        """When the newest packet of sound left."""
        self._duration_ns = 0
        """Of that packet."""
        self._in_vain_ns: int | None = None
        """When a message last waited in vain."""
        self._held_off_until_ns = 0

    def receiver_reads(self, version: int) -> None:
        """What the receiver's greeting says of in-band parameters; 0: it reads none."""
        self._is_read = version >= IN_BAND_VERSION

    def is_in_band(self, now_ns: int) -> bool:
        """Whether a message of now would wait for a packet of sound."""
        if self._choice is TransportChoice.DATA_CHANNEL or not self._is_read:
            return False
        if self._choice is TransportChoice.AUTO and now_ns < self._held_off_until_ns:
            return False
        return self._packet_ns is not None and now_ns - self._packet_ns <= self._longest_wait_ns

    def take(self, message: EncodedMessage, now_ns: int) -> tuple[EncodedMessage, ...]:
        """Route a message; those to be sent on the data channel now."""
        if not self.is_in_band(now_ns):
            return (message,)
        if len(message.data) > IN_BAND_MESSAGE_MAX_BYTES:
            self._metrics.count("in_band_fallbacks", "size")
            return (message,)
        self._waiting.append(_Waiting(message, now_ns))
        if len(self._waiting) <= _MAX_WAITING:
            return ()
        self._metrics.count("in_band_fallbacks", "crowd")
        return (self._waiting.popleft().message,)

    def load(self, packet: OpusPacket, now_ns: int) -> LoadedPacket:
        """A packet of sound leaves: as many waiting messages as fit ride in it, oldest first."""
        self._packet_ns = now_ns
        self._duration_ns = packet.duration * 1_000_000_000 // SAMPLE_RATE_HZ
        count = count_that_fit([len(waiting.message.data) for waiting in self._waiting])
        if count == 0:
            return LoadedPacket(packet, ())
        riding = [self._waiting[index] for index in range(count)]
        try:
            payload = embed(packet.payload, [waiting.message.data for waiting in riding])
        except BitstreamError:
            self._metrics.count("in_band_fallbacks", "packet")
            return LoadedPacket(packet, ())  # a padded packet, which our encoder does not make
        for waiting in riding:
            self._waiting.popleft()
            self._metrics.count("in_band_wait_ms", "", (now_ns - waiting.since_ns) // 1_000_000)
        self._metrics.count("transport_messages", Transport.IN_BAND.value, count)
        self._metrics.count("in_band_bytes", "", len(payload) - len(packet.payload))
        return LoadedPacket(
            replace(packet, payload=payload), tuple(waiting.message for waiting in riding)
        )

    @property
    def has_waiting(self) -> bool:
        """Whether `overdue` is to be asked soon."""
        return bool(self._waiting)

    def overdue(self, now_ns: int) -> tuple[EncodedMessage, ...]:
        """Messages that waited in vain, to be sent on the data channel now."""
        if not self._waiting or now_ns - self._waiting[0].since_ns <= self._longest_wait_ns:
            return ()
        if self._in_vain_ns is not None and now_ns - self._in_vain_ns < STUTTER_NS:
            self._held_off_until_ns = now_ns + HOLD_OFF_NS
        self._in_vain_ns = now_ns
        messages = tuple(waiting.message for waiting in self._waiting)
        self._waiting.clear()
        self._metrics.count("in_band_fallbacks", "wait", len(messages))
        return messages

    @property
    def _longest_wait_ns(self) -> int:
        return max(LONGEST_WAIT_NS, self._duration_ns + LATE_PACKET_NS)
