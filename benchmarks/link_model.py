"""What a link does to one direction's datagrams: lose, delay, narrow. Pure and seeded."""

import random
from dataclasses import dataclass

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """One direction of a link. The default does nothing."""

    loss: float = 0.0
    """Probability of losing a datagram, independent of the others, in [0, 1)."""

    delay_ms: float = 0.0
    """One-way delay; >= 0."""

    jitter_ms: float = 0.0
    """Half-width of the uniform variation of the delay, in [0, delay_ms]; may reorder."""

    rate_bps: float = 0.0
    """Bits per second of IP payload; 0 means unlimited."""

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


@dataclass(frozen=True, slots=True)
class LinkCount:
    """What one direction has carried since it began."""

    datagrams: int = 0
    """Datagrams handed in."""

    payload_bytes: int = 0
    """Their UDP payload."""

    lost: int = 0
    """Datagrams dropped at random or from the queue's tail."""


class LinkDirection:
    """Decides for each datagram when it leaves the link, if at all."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._busy_until_ns = 0
        self._conditions = LinkConditions()
        self._datagrams = self._payload_bytes = self._lost = 0

    def impair(self, conditions: LinkConditions) -> None:
        """Use these conditions from the next datagram on; the seed's pattern starts anew."""
        self._random = random.Random(self._seed)
        self._conditions = conditions

    def admit(self, size: int, now_ns: int) -> int | None:
        """The time in ns at which a datagram of `size` bytes arrives, or None: it is lost.

        Every datagram draws its random numbers, lost or not, so that a seed names one pattern
        of losses whatever the other conditions are.
        """
        conditions = self._conditions
        self._datagrams += 1
        self._payload_bytes += size
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
        return LinkCount(self._datagrams, self._payload_bytes, self._lost)
