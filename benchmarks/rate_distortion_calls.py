"""What Kilocall's parameters take on the wire: real calls of the same clips, without a loss."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.wire_actor import Actor
from benchmarks.wire_plan import Cell, Sweep, WirePlan, link
from benchmarks.wire_run import WireRun
from sender.parameter_transport import TransportChoice
from shared.face_model import FaceModel


class Way(StrEnum):
    """How parameters travel."""

    ONE = "1 frame a message"
    TWO = "2 frames a message"
    THREE = "3 frames a message"
    IN_BAND = "inside the sound"

    @property
    def key(self) -> str:
        """As figures are named."""
        return _KEYS[self]


_KEYS = {
    Way.ONE: "1-frame",
    Way.TWO: "2-frames",
    Way.THREE: "3-frames",
    Way.IN_BAND: "in-band",
}

USUAL = Way.TWO
"""What a call without sound chooses by itself: our rate where a single one is asked for."""

_FRAMES = {Way.ONE: 1, Way.TWO: 2, Way.THREE: 3}


@dataclass(frozen=True, slots=True)
class WireRate:
    """Of one way, pooled over its calls; bits are those of IP packets, sound apart."""

    calls: int
    forward_bps: float
    """Sender to receiver: parameters, control and what keeps the connection; inside the sound
    what its packets grow by."""

    back_bps: float
    payload_bps: float
    """Parameter messages alone."""

    @property
    def total_bps(self) -> float:
        """Both directions."""
        return self.forward_bps + self.back_bps


@dataclass(frozen=True, slots=True)
class CallResults:
    """Of one run."""

    rates: dict[Way, WireRate | None]
    """None: not measured."""

    why: dict[Way, str]
    """What went wrong."""


@dataclass(frozen=True, slots=True)
class CallSize:
    """How much is measured."""

    seconds: float
    """Of each call, after three to settle."""

    lanes: int
    """Calls at the same time: each takes some 10 % of a core."""


def make_calls(
    actors: Sequence[Actor],
    model: FaceModel,
    size: CallSize,
    *,
    with_tun: bool,
    on_done: Callable[[float], None],
) -> CallResults:
    """A call of each actor's clip in each way; one that fails is named, the others are made."""
    ways = list(Way)
    plan = WirePlan(
        cells=tuple(_cell(way) for way in ways),
        calls_per_cell=len(actors),
        call_seconds=size.seconds,
        opening_losses=(),
        opening_seeds=0,
        lanes=size.lanes,
    )
    run = WireRun(plan, actors, model)
    with tempfile.TemporaryDirectory(prefix="kilocall-rate-") as folder:
        asyncio.run(run.make_calls(with_tun=with_tun, folder=Path(folder), on_done=on_done))
    rates: dict[Way, WireRate | None] = {}
    why: dict[Way, str] = {}
    for way, result in zip(ways, run.cells, strict=True):
        scores = result.scores
        rates[way] = None if scores is None else WireRate(
            scores.calls, scores.forward_bps, scores.back_bps, scores.payload_bps
        )  # fmt: skip
        if result.why is not None:
            why[way] = result.why
    return CallResults(rates, why)


def _cell(way: Way) -> Cell:
    if way is Way.IN_BAND:
        return Cell(Sweep.VOICE_LOSS, TransportChoice.IN_BAND, None, link(), voice=True)
    return Cell(Sweep.LOSS, TransportChoice.DATA_CHANNEL, _FRAMES[way], link())
