"""`python -m export tensorrt`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from export.backend_errors import (
    PictureErrors,
    check_comparable,
    picture_errors,
    seeded_pictures,
)
from shared.bundle import Bundle, load_bundle
from shared.errors import ConfigError, InferenceError
from shared.generator import find_bundle
from shared.inference.device import Device
from shared.inference.devices import BEST_FIRST, open_backend
from shared.inference.trt import TensorRtBackend
from shared.parameters import FloatArray


@dataclass(frozen=True, slots=True)
class _Row:
    """What one back end made of the bundle."""

    device: Device
    description: str
    """Of the back end, or why it does not run the bundle."""

    seconds: float = 0.0
    """To open both networks, engines built where none were kept."""

    engines: tuple[Path, ...] = ()
    errors: PictureErrors | None = None
    """None where it does not run it."""


def command(
    bundle: Annotated[
        str, typer.Option(help="Folder of a bundle, or the name of one that comes with Kilocall.")
    ],
    full: Annotated[
        str | None,
        typer.Option(help="The same generator in single precision, to compare with."),
    ] = None,
    engines: Annotated[
        Path | None, typer.Option(help="Folder for the engines, in place of the usual one.")
    ] = None,
) -> None:
    """Build a bundle's engines ahead, and compare every back end that runs it with the CPU.

    Pictures are those of seeded inputs; the CPU runs `--full`, or the bundle itself.
    """
    loaded = load_bundle(find_bundle(bundle))
    compared = loaded if full is None else load_bundle(find_bundle(full))
    check_comparable(loaded, compared)
    console = Console()
    expected = seeded_pictures(compared)
    rows = [_run(device, loaded, expected, engines) for device in BEST_FIRST]
    console.print(_table(loaded, compared, rows))
    for row in rows:
        console.print(Text(f"{row.device}: {row.description}"), soft_wrap=True)
        for path in row.engines:
            console.print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", soft_wrap=True)
    built = next(row for row in rows if row.device is Device.TENSORRT)
    if built.errors is None:
        raise ConfigError(f"no engine is built: {built.description}")


def _run(device: Device, bundle: Bundle, expected: FloatArray, engines: Path | None) -> _Row:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        try:
            backend = open_backend(device, engines=engines, on_progress=_Bars(progress).show)
            start = time.perf_counter()
            pictures = seeded_pictures(bundle, backend)
            seconds = time.perf_counter() - start
        except (ConfigError, InferenceError) as err:
            return _Row(device, str(err))
    kept: tuple[Path, ...] = ()
    if isinstance(backend, TensorRtBackend):
        kept = tuple(
            path
            for content, largest in (
                (bundle.reference_encoder, 1),
                (bundle.frame_generator, backend.largest_batch),
            )
            if (path := backend.path(backend.key(content, largest))).is_file()
        )
    errors = picture_errors(pictures, expected)
    return _Row(device, backend.description, seconds, kept, errors)


class _Bars:
    """A bar for each phase of a build."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, phase: str, done: float) -> None:
        """Move a phase's bar."""
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=1.0)
        self._progress.update(self._tasks[phase], completed=done)


def _table(bundle: Bundle, compared: Bundle, rows: list[_Row]) -> Table:
    megabytes = (len(bundle.reference_encoder) + len(bundle.frame_generator)) / 1e6
    table = Table(
        *("device", "opened and run", "engines", "largest error", "mean error", "PSNR"),
        title=(
            f"{bundle.manifest.name} {bundle.manifest.version}, {megabytes:.1f} MB of ONNX, "
            f"against {compared.manifest.name} {compared.manifest.version} on the CPU; "
            "pictures in [-1, 1]"
        ),
    )
    for row in rows:
        if row.errors is None:
            continue
        size = sum(path.stat().st_size for path in row.engines) / 1e6
        table.add_row(
            row.device.value,
            f"{row.seconds:.1f} s",
            f"{size:.1f} MB" if row.engines else "-",
            f"{row.errors.largest:.2g}",
            f"{row.errors.mean:.2g}",
            f"{row.errors.psnr_db:.1f} dB",
        )
    return table
