"""`python -m export onnx`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.to_onnx import write_bundle
from export.training.checkpoint import load_checkpoint
from export.verify import TOLERANCE, largest_difference
from shared.bundle import ENCODER_NAME, FRAME_NAME, load_bundle
from shared.errors import ArtifactError
from shared.onnx_generator import OnnxGenerator


def command(
    checkpoint: Annotated[Path, typer.Option(help="checkpoint.pt of a training.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    network: Annotated[str | None, typer.Option(help="Refuse another network than this.")] = None,
    version: Annotated[str, typer.Option(help="Of the weights, semantic.")] = "0.1.0",
    training_data: Annotated[
        str, typer.Option(help="What the weights were trained on, for manifest and card.")
    ] = "not stated",
) -> None:
    """Write a checkpoint's averaged weights as a bundle, and check it against the network."""
    console = Console(stderr=True)
    write_bundle(checkpoint, out, version=version, training_data=training_data, network=network)
    OnnxGenerator(load_bundle(out)).close()
    difference = largest_difference(load_checkpoint(checkpoint).build_average(), out)
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"{out}: pictures differ by {difference:.2g} from the network's, "
            f"at most {TOLERANCE:g} is allowed"
        )
    size = sum((out / name).stat().st_size for name in (ENCODER_NAME, FRAME_NAME))
    console.print(f"{out}: {size / 1e6:.1f} MB, pictures differ by at most {difference:.2g}")
