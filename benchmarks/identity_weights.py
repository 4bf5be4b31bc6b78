"""Where the recognition network's weights are: they are no part of the project."""

import os
from pathlib import Path

import typer

_DATA_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared"
_IDENTITY_WEIGHTS = Path("metrics", "mobilefacenet.npz")


def find_identity_weights(path: Path | None) -> Path | None:
    """`path`; else that of the test material, which a stranger's machine lacks."""
    if path is not None:
        return path
    data = Path(os.environ.get("KILOCALL_DATA", _DATA_BESIDE_THE_REPOSITORY))
    found = data / _IDENTITY_WEIGHTS
    if found.is_file():
        return found
    typer.echo("no --identity-weights and none in KILOCALL_DATA: CSIM is left out", err=True)
    return None
