"""What a run of the wire benchmark found, as JSON and in print."""

from dataclasses import asdict, dataclass

from rich.console import Console

from benchmarks.classic_codec import CODECS
from benchmarks.classic_codec_run import PictureResults
from benchmarks.coded_clip import MAX_PACKET_BYTES, PACKET_HEADER_BYTES
from benchmarks.machine import MachineFacts
from benchmarks.wire_plan import Sweep, WirePlan
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import WireScores
from benchmarks.wire_tables import (
    cell_table,
    failures,
    opening_table,
    picture_table,
    target_table,
)
from benchmarks.wire_targets import Target, targets
from sender.parameter_transport import TransportChoice

BUSY_MS = 10.0
"""Threads that wake later than this say that the machine had other things to do."""


@dataclass(frozen=True, slots=True)
class WireReport:
    """A whole run, or what there is of one."""

    machine: MachineFacts
    data: str
    """Name of the folder of clips."""

    emulator: str
    """`tun`, or `relay` and why."""

    quick: bool
    finished: bool
    """False while the run goes on, and after one that was interrupted."""

    plan: WirePlan
    actors: tuple[str, ...]
    """Clips whose recordings played the calls."""

    left_out: dict[str, str]
    """Clips that could not, and why."""

    cells: tuple[CellResult, ...]
    openings: tuple[OpeningResult, ...]
    pictures: PictureResults | None
    """None when it was not asked for, or is not there yet."""

    most_pictures: int
    """Of each clip that went through the codecs."""

    seconds: float
    """That the run took."""

    load_average: tuple[float, float]
    """Of one minute, at the start and at the end."""

    @property
    def usual_scores(self) -> WireScores | None:
        """Two frames a message on a link without loss: what `rebuilt` is beside the codecs."""
        for result in self.cells:
            cell = result.cell
            if (
                cell.sweep is Sweep.LOSS
                and cell.transport is TransportChoice.DATA_CHANNEL
                and cell.frames_per_message == 2
                and cell.conditions.loss == 0
            ):
                return result.scores
        return None

    @property
    def targets(self) -> tuple[Target, ...]:
        return targets(self.cells, self.openings)

    def as_json(self) -> dict[str, object]:
        """For `write_json`."""
        found = asdict(self)
        found["targets"] = [
            {**asdict(target), "verdict": target.verdict} for target in self.targets
        ]
        found["codec_settings"] = {
            codec.value: settings.describe() for codec, settings in CODECS.items()
        }
        return found

    def print(self, console: Console) -> None:
        """All tables."""

        def line(text: str, style: str | None = None) -> None:
            console.print(text, soft_wrap=True, highlight=False, style=style)

        if not self.finished:
            line("interrupted: this is what was measured until then", "bold red")
        line(f"link emulator: {self.emulator}")
        for clip, why in self.left_out.items():
            line(f"left out: {clip}: {why}")
        console.print(cell_table(self.plan, self.cells))
        for failure in failures(self.cells):
            line(failure, "red")
        if self.openings:
            console.print(opening_table(self.openings))
        if self.pictures is not None:
            console.print(picture_table(self.pictures, self.usual_scores))
            for settings in CODECS.values():
                line(settings.describe(), "dim")
            line(
                f"the first {self.most_pictures} pictures of a clip at most; packets of up to "
                f"{MAX_PACKET_BYTES} B and {PACKET_HEADER_BYTES} B of IPv4, UDP and RTP each; "
                "SRTP tags, RTCP and repairs left out",
                "dim",
            )
        console.print(target_table(self.targets))
        late = [r.scores.machine_late_ms.p99 for r in self.cells if r.scores is not None]
        if late and max(late) > BUSY_MS:
            line(
                f"this machine was busy: threads woke up to {max(late):.0f} ms late (p99 of the "
                f"worst row, {BUSY_MS:g} ms allowed); do not trust latencies",
                "bold red",
            )
        line(
            f"{self.seconds / 60:.1f} minutes; load {self.load_average[0]:.1f} at the start, "
            f"{self.load_average[1]:.1f} at the end"
        )
