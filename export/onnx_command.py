"""`python -m export onnx`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.checks_table import show
from export.failure_pictures import read_failures, write_failures
from export.golden import GOLDEN_NAME
from export.model_card import CardMaterial
from export.provenance import shippable_sources
from export.to_onnx import write_bundle
from export.training.checkpoint import load_checkpoint
from export.verify import CARD_NAME, same_pictures, verify_bundle
from shared.bundle import ENCODER_NAME, FRAME_NAME, MANIFEST_NAME
from shared.errors import ArtifactError, ConfigError
from shared.number_format import NumberFormat

_WRITTEN = {MANIFEST_NAME, ENCODER_NAME, FRAME_NAME, GOLDEN_NAME, CARD_NAME}


def command(
    checkpoint: Annotated[Path, typer.Option(help="checkpoint.pt of a training.")],
    data: Annotated[
        Path, typer.Option(help="The prepared clips that it was trained on, for the licence rule.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; one in it is replaced.")],
    network: Annotated[str | None, typer.Option(help="Refuse another network than this.")] = None,
    version: Annotated[str, typer.Option(help="Of the weights, semantic.")] = "0.1.0",
    precision: Annotated[
        NumberFormat,
        typer.Option(help="Of weights and convolutions; fp16 halves the bundle, for GPUs."),
    ] = NumberFormat.FLOAT32,
    quality: Annotated[
        list[Path] | None,
        typer.Option(help="Report of `benchmarks quality --json` for the card; may be repeated."),
    ] = None,
    trials: Annotated[
        Path | None, typer.Option(help="CSV file of variants tried, for the card.")
    ] = None,
    failures: Annotated[
        Path | None,
        typer.Option(help="CSV file with columns picture and defect, pictures beside it."),
    ] = None,
) -> None:
    """Write a checkpoint's averaged weights as a bundle, checked before it replaces another."""
    console = Console(stderr=True)
    if precision is NumberFormat.BFLOAT16:
        raise ConfigError(f"precision {precision}, bundles are of fp32 or fp16")
    sources = shippable_sources(data)
    shown = [] if failures is None else read_failures(failures)
    loaded = load_checkpoint(checkpoint, network=network)
    _check_replaceable(out)
    staging = out.with_name(out.name + ".part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        material = CardMaterial(
            sources=sources,
            quality=quality or (),
            trials=trials,
            failures=write_failures(shown, staging),
        )
        fidelity = write_bundle(
            loaded, staging, version=version, material=material, number_format=precision
        )
        checks = verify_bundle(staging)
        checks.append(same_pictures("the checkpoint's pictures", fidelity, precision))
        failed = show(checks, console)
        if failed:
            raise ArtifactError(f"{out}: not written, {failed}")
        shutil.rmtree(out, ignore_errors=True)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    console.print(f"{out}: written")


def _check_replaceable(folder: Path) -> None:
    """Only what an export wrote is ever removed."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: a file, a folder for the bundle is expected")
    strange = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in _WRITTEN and not path.match("failure_*.png")
    )
    if strange:
        raise ArtifactError(
            f"{folder}: holds {', '.join(strange[:5])}, an empty folder or a bundle is expected"
        )
