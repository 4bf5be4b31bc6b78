"""What a run of the wire benchmark found, as JSON and as tables."""

from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.classic_codec import CODECS
from benchmarks.classic_codec_run import CodecCell, PictureResults
from benchmarks.link_model import LinkConditions
from benchmarks.machine import MachineFacts
from benchmarks.wire_plan import Sweep, WirePlan
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import WireScores
from sender.parameter_transport import TransportChoice

BUSY_MS = 10.0
"""Threads that wake later than this say that the machine had other things to do."""


@dataclass(frozen=True, slots=True)
class WireReport:
    """A whole run."""

    machine: MachineFacts
    data: str
    """Name of the folder of clips."""

    emulator: str
    """`tun`, or `relay` and why."""

    quick: bool
    plan: WirePlan
    actors: tuple[str, ...]
    """Clips whose recordings played the calls."""

    left_out: dict[str, str]
    """Clips that could not, and why."""

    cells: tuple[CellResult, ...]
    openings: tuple[OpeningResult, ...]
    pictures: PictureResults | None
    """None when it was not asked for."""

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

    def as_json(self) -> dict[str, object]:
        """For `write_json`."""
        found = asdict(self)
        found["codec_settings"] = {
            codec.value: settings.describe() for codec, settings in CODECS.items()
        }
        return found

    def print(self, console: Console) -> None:
        """All tables."""
        console.print(f"link emulator: {self.emulator}", soft_wrap=True, highlight=False)
        for clip, why in self.left_out.items():
            console.print(f"left out: {clip}: {why}", soft_wrap=True, highlight=False)
        console.print(self._cell_table())
        if self.openings:
            console.print(self._opening_table())
        if self.pictures is not None:
            console.print(self._picture_table(self.pictures))
            for settings in CODECS.values():
                console.print(settings.describe(), soft_wrap=True, highlight=False, style="dim")
        late = [r.scores.machine_late_ms.p99 for r in self.cells if r.scores is not None]
        if late and max(late) > BUSY_MS:
            console.print(
                f"this machine was busy: threads woke up to {max(late):.0f} ms late (p99 of the "
                f"worst row, {BUSY_MS:g} ms allowed); do not trust latencies",
                style="bold red",
                soft_wrap=True,
            )
        console.print(
            f"{self.seconds / 60:.1f} minutes; load {self.load_average[0]:.1f} at the start, "
            f"{self.load_average[1]:.1f} at the end",
            highlight=False,
        )

    def _cell_table(self) -> Table:
        table = Table(
            title=f"the wire: {self.plan.calls_per_cell} calls of {self.plan.call_seconds:g} s a "
            "row; kbit/s of IP packets, ms beyond the link's delay, px at 256 x 256",
        )
        for name in (
            "transport", "frames", "loss", "delay", "rate", "→", "←", "payload", "voice →",
            "voice ←", "all →", "lost", "delivered", "arrival p50/95/99", "shown p50/95/99",
            "frozen", "error", "p95",
        ):  # fmt: skip
            table.add_column(name, justify="right", no_wrap=name != "p95")
        sweep: Sweep | None = None
        for result in self.cells:
            if sweep is not None and result.cell.sweep is not sweep:
                table.add_section()
            sweep = result.cell.sweep
            table.add_row(*_cell_row(result))
        return table

    def _opening_table(self) -> Table:
        table = Table(title="seconds to open, signalling included")
        for name in ("loss", "seeds", "median", "p95", "WHIP alone", "never", ""):
            table.add_column(name, justify="right")
        for row in self.openings:
            table.add_row(
                f"{row.loss:.0%}", str(row.seeds), _seconds(row.median_s), _seconds(row.p95_s),
                _seconds(row.signaling_median_s), str(row.never), row.why or "",
            )  # fmt: skip
        return table

    def _picture_table(self, pictures: PictureResults) -> Table:
        rates = sorted({rate for row in pictures.codecs for rate in row.cells})
        table = Table(
            title="pictures by total wire rate in kbit/s: PSNR, SSIM, pictures a second; first "
            "picture and references apart",
        )
        table.add_column("")
        for rate in rates:
            table.add_column(f"{rate / 1e3:g}", justify="right")
        table.add_column("first", justify="right")
        for row in pictures.codecs:
            cells = [_codec_cell(row.cells[rate]) if row.cells else "-" for rate in rates]
            first = "" if row.first_picture_bytes is None else f"{row.first_picture_bytes:.0f} B"
            table.add_row(row.codec.value, *cells, first)
            if row.why is not None:
                table.add_row("", row.why)
        rebuilt, usual = pictures.rebuilt, self.usual_scores
        if rebuilt.psnr_db is not None and rebuilt.ssim is not None:
            wire = "" if usual is None else f" at {usual.forward_bps / 1e3:.1f}"
            picture = f"{rebuilt.psnr_db:.1f} dB\n{rebuilt.ssim:.3f}"
            table.add_row(f"Kilocall {rebuilt.generator}{wire}", picture)
        if rebuilt.why is not None:
            table.add_row("", rebuilt.why)
        return table


def _cell_row(result: CellResult) -> list[str]:
    cell, scores = result.cell, result.scores
    conditions: LinkConditions = cell.conditions
    row = [
        cell.transport.value,
        "auto" if cell.frames_per_message is None else str(cell.frames_per_message),
        f"{conditions.loss:.0%}",
        f"{conditions.delay_ms:g}±{conditions.jitter_ms:g}",
        f"{conditions.rate_bps / 1e3:g}" if conditions.rate_bps else "-",
    ]
    if scores is None:
        return [*row, result.why or "nothing measured"]
    row += [
        f"{scores.forward_bps / 1e3:.1f}",
        f"{scores.back_bps / 1e3:.1f}",
        f"{scores.payload_bps / 1e3:.2f}",
        f"{scores.audio_forward_bps / 1e3:.1f}" if cell.voice else "-",
        f"{scores.audio_back_bps / 1e3:.1f}" if cell.voice else "-",
        f"{(scores.forward_bps + scores.audio_forward_bps) / 1e3:.1f}",
        f"{scores.lost:.0%}",
        f"{scores.delivered:.1%}",
        "/".join(f"{ms:.0f}" for ms in asdict(scores.arrival_ms).values()),
        "/".join(f"{ms:.0f}" for ms in asdict(scores.shown_ms).values()),
        f"{scores.frozen:.1%}",
        f"{scores.error_px:.2f}",
        f"{scores.error_p95_px:.2f}",
    ]
    if result.why is not None:
        row[-1] += f"\n{result.why}"
    return row


def _codec_cell(cell: CodecCell) -> str:
    if cell.psnr_db is None or cell.ssim is None or cell.fps is None or cell.scale is None:
        return f"floor {cell.floor_bps / 1e3:.0f} kbit/s"
    size = "" if cell.scale == 1 else f" x{cell.scale:.2g}"
    return f"{cell.psnr_db:.1f} dB\n{cell.ssim:.3f}\n{cell.fps:.3g}/s{size}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
