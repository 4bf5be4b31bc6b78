"""`python -m export verify`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.checks_table import show
from export.verify import Check, verify_bundle
from shared.bundle import load_bundle
from shared.errors import ArtifactError


def command(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="checkpoint.pt that it was exported from; needs torch.")
    ] = None,
) -> None:
    """Check a bundle: hashes, shapes, operators, sizes, golden vectors; exit 1 when one fails."""
    console = Console()
    checks = verify_bundle(bundle)
    if checkpoint is not None and checks[0].passed:
        checks.append(_parity(bundle, checkpoint))
    failed = show(checks, console)
    if failed:
        Console(stderr=True).print(f"{bundle}: {failed}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


def _parity(folder: Path, checkpoint: Path) -> Check:
    from export.parity import parity
    from export.training.checkpoint import load_checkpoint

    bundle = load_bundle(folder)
    network = load_checkpoint(checkpoint, network=bundle.manifest.name).build_average()
    shape = (network.spec.condition_channels, *(network.spec.condition_size,) * 2)
    if shape != bundle.manifest.condition_shape or network.spec.size != bundle.manifest.size:
        raise ArtifactError(
            f"{checkpoint}: takes conditions of {shape} for {network.spec.size} pixels, "
            f"{bundle.manifest.condition_shape} for {bundle.manifest.size} are expected"
        )
    return parity(network, bundle)
