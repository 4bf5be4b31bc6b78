"""Which calls the latency benchmark makes, and for how long."""

from dataclasses import dataclass
from enum import StrEnum

from sender.parameter_transport import TransportChoice
from shared.shipped_generators import LITE, WARP


class SenderKind(StrEnum):
    """What sends, and how its parameters travel."""

    PROCESS = "process"
    """The usual call: sound, and the parameters inside it, a frame a message."""

    PROCESS_SILENT = "process_silent"
    """No sound: the data channel, two frames a message."""

    PROCESS_SINGLE = "process_single"
    """The same, a frame a message."""

    BROWSER = "browser"
    """A page in Chromium with sound: the data channel, two frames a message."""

    @property
    def has_sound(self) -> bool:
        """Whether a process's film has; a page always sends some."""
        return self is SenderKind.PROCESS

    @property
    def transport(self) -> TransportChoice:
        """Of the parameters."""
        return TransportChoice.AUTO if self.has_sound else TransportChoice.DATA_CHANNEL

    @property
    def frames_per_message(self) -> int | None:
        """Fixed; None: as the sender chooses."""
        return 1 if self is SenderKind.PROCESS_SINGLE else None

    @property
    def description(self) -> str:
        """For tables and plots: what sends, and how parameters travel."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    SenderKind.PROCESS: "process, in the sound",
    SenderKind.PROCESS_SILENT: "process, 2 a message",
    SenderKind.PROCESS_SINGLE: "process, 1 a message",
    SenderKind.BROWSER: "browser, 2 a message",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of call."""

    sender: SenderKind
    generator: str
    is_loaded: bool
    """Whether a loop that never rests runs beside it on each core."""

    @property
    def load(self) -> str:
        """As figures have it."""
        return "loaded" if self.is_loaded else "idle"

    @property
    def name(self) -> str:
        """Beginning of its figures' names."""
        return f"latency/{self.sender.value}/{self.generator}/{self.load}"


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """A run."""

    cells: tuple[Cell, ...]

    warm_up_seconds: float
    """From the first picture; left out, but for percentiles of stages."""

    seconds: float
    """Measured after that."""


def full_plan() -> LatencyPlan:
    """Twelve calls of 21 s: some seven minutes."""
    cells = [
        Cell(sender, generator, is_loaded)
        for sender in (SenderKind.PROCESS, SenderKind.BROWSER)
        for generator in (WARP, LITE)
        for is_loaded in (False, True)
    ]
    cells += [
        Cell(sender, generator, is_loaded=False)
        for sender in (SenderKind.PROCESS_SILENT, SenderKind.PROCESS_SINGLE)
        for generator in (WARP, LITE)
    ]
    return LatencyPlan(tuple(cells), warm_up_seconds=5.0, seconds=16.0)


def quick_plan() -> LatencyPlan:
    """Two calls of 11 s."""
    cells = tuple(Cell(SenderKind.PROCESS, name, is_loaded=False) for name in (WARP, LITE))
    return LatencyPlan(cells, warm_up_seconds=3.0, seconds=8.0)
