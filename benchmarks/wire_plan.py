"""Which calls the wire benchmark makes."""

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.link_model import LinkConditions
from sender.parameter_transport import TransportChoice

LOSSES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Each way."""

DELAY_MS = 30.0
"""One way, where nothing else is said."""

_JITTER = 0.2
"""Of the delay."""

_DELAYS_MS = (0.0, 100.0, 250.0)
_SETTLE_SECONDS = 3.0
_THIN_SETTLE_SECONDS = 10.0

_RATES_BPS = (8_000.0, 12_000.0, 16_000.0, 24_000.0)
_VOICE_RATES_BPS = (16_000.0, 18_000.0, 24_000.0, 32_000.0)

_CALL_OVERHEAD_SECONDS = 3.0
"""Connecting, the reference, the end."""


def _opening_seconds(loss: float) -> float:
    """Roughly, as seen."""
    return 1.0 + 90 * loss * loss


class Sweep(StrEnum):
    """What is varied between the cells of a group."""

    LOSS = "loss"
    DELAY = "delay"
    RATE = "rate"
    VOICE_LOSS = "voice and loss"
    VOICE_RATE = "voice and rate"


@dataclass(frozen=True, slots=True)
class Cell:
    """Calls that differ in nothing but clip and seed."""

    sweep: Sweep
    transport: TransportChoice
    frames_per_message: int | None
    """None: as the rate control decides."""

    conditions: LinkConditions
    """Both ways."""

    voice: bool = False

    @property
    def settle_seconds(self) -> float:
        """From the change of the link's conditions to what is measured: reports and playout
        adapt, and on a thin link the rate control finds what it carries."""
        return _THIN_SETTLE_SECONDS if self.conditions.rate_bps else _SETTLE_SECONDS


@dataclass(frozen=True, slots=True)
class WirePlan:
    """All of a run."""

    cells: tuple[Cell, ...]
    calls_per_cell: int
    """Each of another clip."""

    call_seconds: float
    """Measured, of each call."""

    opening_losses: tuple[float, ...]
    opening_seeds: int
    lanes: int
    """Calls made at the same time, each over a link of its own: each takes some 10 % of a core."""

    @property
    def call_count(self) -> int:
        """Openings among them."""
        openings = self.opening_seeds * len(self.opening_losses)
        return self.calls_per_cell * len(self.cells) + openings

    @property
    def estimated_seconds(self) -> float:
        """Of the calls and openings."""
        call = self.call_seconds + _CALL_OVERHEAD_SECONDS
        calls = self.calls_per_cell * sum(call + cell.settle_seconds for cell in self.cells)
        openings = self.opening_seeds * sum(map(_opening_seconds, self.opening_losses))
        return (calls + openings) / self.lanes


def link(*, loss: float = 0.0, delay_ms: float = DELAY_MS, rate_bps: float = 0.0) -> LinkConditions:
    """A link's usual conditions but for what is told."""
    return LinkConditions(
        loss=loss, delay_ms=delay_ms, jitter_ms=delay_ms * _JITTER, rate_bps=rate_bps
    )


def full_plan() -> WirePlan:
    """For the record."""
    channel, in_band = TransportChoice.DATA_CHANNEL, TransportChoice.IN_BAND
    cells = [
        Cell(Sweep.LOSS, channel, count, link(loss=loss)) for count in (1, 2, 3) for loss in LOSSES
    ]
    cells += [Cell(Sweep.DELAY, channel, None, link(delay_ms=delay)) for delay in _DELAYS_MS]
    cells += [Cell(Sweep.RATE, channel, None, link(rate_bps=rate)) for rate in _RATES_BPS]
    for transport in (channel, in_band):
        cells += [
            Cell(Sweep.VOICE_LOSS, transport, None, link(loss=loss), voice=True) for loss in LOSSES
        ]
    for transport in (channel, in_band):
        cells += [
            Cell(Sweep.VOICE_RATE, transport, None, link(rate_bps=rate), voice=True)
            for rate in _VOICE_RATES_BPS
        ]
    return WirePlan(
        cells=tuple(cells),
        calls_per_cell=4,
        call_seconds=20.0,
        opening_losses=LOSSES,
        opening_seeds=20,
        lanes=4,
    )


def quick_plan() -> WirePlan:
    """To see that it works: the numbers mean little."""
    channel, in_band = TransportChoice.DATA_CHANNEL, TransportChoice.IN_BAND
    cells = (
        Cell(Sweep.LOSS, channel, 1, link(loss=0.0)),
        Cell(Sweep.LOSS, channel, 1, link(loss=0.3)),
        Cell(Sweep.LOSS, channel, 2, link(loss=0.0)),
        Cell(Sweep.LOSS, channel, 2, link(loss=0.3)),
        Cell(Sweep.RATE, channel, None, link(rate_bps=16_000.0)),
        Cell(Sweep.VOICE_LOSS, in_band, None, link(), voice=True),
    )
    return WirePlan(
        cells=cells,
        calls_per_cell=1,
        call_seconds=8.0,
        opening_losses=(0.0, 0.2),
        opening_seeds=4,
        lanes=2,
    )
