"""What a link does to one direction's packets: lose, delay, narrow, count. Pure and seeded."""

import random
from dataclasses import dataclass
from enum import Enum

from shared.errors import ConfigError

IPV4_HEADER_BYTES = 20
UDP_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """One direction of a link. The default does nothing."""

    loss: float = 0.0
    """Probability of losing a packet, independent of the others, in [0, 1)."""

    delay_ms: float = 0.0
    """One-way delay; >= 0."""

    jitter_ms: float = 0.0
    """Half-width of the uniform variation of the delay, in [0, delay_ms]; may reorder."""

    rate_bps: float = 0.0
    """Bits per second of IP packets, their headers included; 0 means unlimited."""

    queue_ms: float = 200.0
    """What a narrow link buffers before it drops from the tail; > 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise ConfigError(f"loss {self.loss}, allowed is 0 up to, not including, 1")
        if not 0 <= self.delay_ms <= 10_000:
            raise ConfigError(f"delay {self.delay_ms} ms, allowed is 0 to 10000")
        if not 0 <= self.jitter_ms <= self.delay_ms:
            raise ConfigError(f"jitter {self.jitter_ms} ms, allowed is 0 to the delay")
        if self.rate_bps < 0 or self.queue_ms <= 0:
            raise ConfigError("a link's rate and queue are positive")


class Traffic(Enum):
    """What a packet carries."""

    DATA = "data"
    """DTLS: the channels and the handshake."""

    AUDIO = "audio"
    """RTP and RTCP."""

    CONNECTION = "connection"
    """STUN and other UDP."""

    SIGNALING = "signaling"
    """TCP: WHIP."""


def udp_traffic(payload: bytes) -> Traffic:
    """By the first byte (RFC 7983)."""
    first = payload[0] if payload else 0
    if 20 <= first <= 63:
        return Traffic.DATA
    return Traffic.AUDIO if 128 <= first <= 191 else Traffic.CONNECTION


@dataclass(frozen=True, slots=True)
class LinkCount:
    """What was handed to one direction since it began, lost packets included.

    Bytes are those of IP packets, headers included.
    """

    packets: int = 0
    lost: int = 0
    """Packets dropped at random or from the queue's tail."""

    data_bytes: int = 0
    audio_bytes: int = 0
    connection_bytes: int = 0
    signaling_bytes: int = 0

    def __sub__(self, earlier: "LinkCount") -> "LinkCount":
        """What came between two counts of one direction."""
        return LinkCount(
            self.packets - earlier.packets,
            self.lost - earlier.lost,
            self.data_bytes - earlier.data_bytes,
            self.audio_bytes - earlier.audio_bytes,
            self.connection_bytes - earlier.connection_bytes,
            self.signaling_bytes - earlier.signaling_bytes,
        )


@dataclass(frozen=True, slots=True)
class LinkSnapshot:
    """What a link has carried so far."""

    forward: LinkCount
    """Sender to receiver."""

    reverse: LinkCount
    """Receiver to sender."""

    strays: int
    """Packets that belong to neither side; dropped."""


class LinkDirection:
    """Decides for each packet when it leaves the link, if at all."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._busy_until_ns = 0
        self._conditions = LinkConditions()
        self._packets = self._lost = 0
        self._bytes = dict.fromkeys(Traffic, 0)

    def impair(self, conditions: LinkConditions, *, seed: int | None = None) -> None:
        """Use these conditions from the next packet on; the seed's pattern starts anew."""
        self._seed = self._seed if seed is None else seed
        self._random = random.Random(self._seed)
        self._conditions = conditions

    def admit(self, size: int, now_ns: int, traffic: Traffic = Traffic.DATA) -> int | None:
        """The time in ns at which an IP packet of `size` bytes arrives, or None: it is lost.

        Every packet draws its random numbers, lost or not, so that a seed names one pattern
        of losses whatever the other conditions are.
        """
        conditions = self._conditions
        self._packets += 1
        self._bytes[traffic] += size
        is_lost = self._random.random() < conditions.loss
        deviation_ms = (2 * self._random.random() - 1) * conditions.jitter_ms
        start_ns = max(now_ns, self._busy_until_ns) if conditions.rate_bps else now_ns
        if is_lost or start_ns - now_ns > conditions.queue_ms * 1e6:
            self._lost += 1
            return None
        if conditions.rate_bps:
            start_ns += round(size * 8 / conditions.rate_bps * 1e9)
            self._busy_until_ns = start_ns
        return start_ns + round((conditions.delay_ms + deviation_ms) * 1e6)

    @property
    def count(self) -> LinkCount:
        return LinkCount(self._packets, self._lost, *(self._bytes[kind] for kind in Traffic))
