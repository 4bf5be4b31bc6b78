"""Tables of a run of the wire benchmark."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from benchmarks.classic_codec_run import CodecCell, PictureResults
from benchmarks.wire_plan import Cell, WirePlan
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import WireScores
from benchmarks.wire_targets import Target


def cell_table(plan: WirePlan, cells: Sequence[CellResult]) -> Table:
    """What the calls cost and gave, a row for each cell that was measured."""
    table = Table(
        title=f"the wire: {plan.calls_per_cell} calls of {plan.call_seconds:g} s a "
        "row; kbit/s of IP packets, ms beyond the link's delay, px at 256 x 256",
    )
    for name in (
        "transport", "frames", "loss", "delay", "rate", "→", "←", "payload", "voice →",
        "voice ←", "all →", "lost", "delivered", "arrival p50/95/99", "shown p50/95/99",
        "frozen", "error", "p95",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    sweep = None
    for result in cells:
        if result.scores is None:
            continue
        if sweep is not None and result.cell.sweep is not sweep:
            table.add_section()
        sweep = result.cell.sweep
        table.add_row(*_conditions(result.cell), *_values(result.cell, result.scores))
    return table


def failures(cells: Sequence[CellResult]) -> list[str]:
    """A line for each row of which calls failed, and how many are left in it."""
    lines = []
    for result in cells:
        if result.why is None:
            continue
        transport, frames, loss, delay, rate = _conditions(result.cell)
        calls = 0 if result.scores is None else result.scores.calls
        lines.append(
            f"{transport}, frames {frames}, loss {loss}, delay {delay}, rate {rate}"
            f"{', voice' if result.cell.voice else ''}: {calls} calls measured; {result.why}"
        )
    return lines


def opening_table(openings: Sequence[OpeningResult]) -> Table:
    """How long calls took to open."""
    table = Table(title="seconds to open, signalling included")
    for name in ("loss", "seeds", "median", "p95", "WHIP alone", "never", ""):
        table.add_column(name, justify="right")
    for row in openings:
        table.add_row(
            f"{row.loss:.0%}", str(row.seeds), _seconds(row.median_s), _seconds(row.p95_s),
            _seconds(row.signaling_median_s), str(row.never), row.why or "",
        )  # fmt: skip
    return table


def picture_table(pictures: PictureResults, usual: WireScores | None) -> Table:
    """The codecs; `usual`: what Kilocall's own row takes on the wire."""
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
        most = max((cell.clips for cell in row.cells.values()), default=0)
        cells = [_codec_cell(row.cells[rate], most) if row.cells else "-" for rate in rates]
        first = "" if row.first_picture_bytes is None else f"{row.first_picture_bytes:.0f} B"
        table.add_row(row.codec.value, *cells, first)
        if row.why is not None:
            table.add_row("", row.why)
    rebuilt = pictures.rebuilt
    if rebuilt.psnr_db is not None and rebuilt.ssim is not None:
        wire = "" if usual is None else f" at {usual.forward_bps / 1e3:.1f}"
        picture = f"{rebuilt.psnr_db:.1f} dB\n{rebuilt.ssim:.3f}"
        table.add_row(f"Kilocall {rebuilt.generator}{wire}", picture)
    if rebuilt.why is not None:
        table.add_row("", rebuilt.why)
    return table


def target_table(targets: Sequence[Target]) -> Table:
    """What was to be reached."""
    table = Table(title="targets; capture to picture has the budgets of what is left out here")
    for name in ("row", "measure"):
        table.add_column(name)
    for name in ("at most", "reached", ""):
        table.add_column(name, justify="right")
    row = None
    for target in targets:
        if row is not None and target.row != row:
            table.add_section()
        table.add_row(
            "" if target.row == row else target.row,
            target.measure,
            f"{target.most:g}",
            "-" if target.reached is None else f"{target.reached:.3g}",
            target.verdict,
            style="bold red" if target.met is False else None,
        )
        row = target.row
    return table


def _conditions(cell: Cell) -> tuple[str, str, str, str, str]:
    conditions = cell.conditions
    return (
        cell.transport.value,
        "auto" if cell.frames_per_message is None else str(cell.frames_per_message),
        f"{conditions.loss:.0%}",
        f"{conditions.delay_ms:g}±{conditions.jitter_ms:g}",
        f"{conditions.rate_bps / 1e3:g}" if conditions.rate_bps else "-",
    )


def _values(cell: Cell, scores: WireScores) -> tuple[str, ...]:
    return (
        f"{scores.forward_bps / 1e3:.1f}",
        f"{scores.back_bps / 1e3:.1f}",
        f"{scores.payload_bps / 1e3:.2f}",
        f"{scores.audio_forward_bps / 1e3:.1f}" if cell.voice else "-",
        f"{scores.audio_back_bps / 1e3:.1f}" if cell.voice else "-",
        f"{(scores.forward_bps + scores.audio_forward_bps) / 1e3:.1f}",
        f"{scores.lost:.1%}",
        f"{scores.delivered:.1%}",
        "/".join(f"{ms:.0f}" for ms in asdict(scores.arrival_ms).values()),
        "/".join(f"{ms:.0f}" for ms in asdict(scores.shown_ms).values()),
        f"{scores.frozen:.1%}",
        f"{scores.error_px:.2f}",
        f"{scores.error_p95_px:.2f}",
    )


def _codec_cell(cell: CodecCell, most_clips: int) -> str:
    if cell.psnr_db is None or cell.ssim is None or cell.fps is None or cell.scale is None:
        return f"floor {cell.floor_bps / 1e3:.0f} kbit/s"
    size = "" if cell.scale == 1 else f" x{cell.scale:.2g}"
    lines = [f"{cell.psnr_db:.1f} dB", f"{cell.ssim:.3f}", f"{cell.fps:.3g}/s{size}"]
    if cell.clips < most_clips:
        lines.append(f"{cell.clips} of {most_clips} clips")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
