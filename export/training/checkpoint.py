"""Checkpoints of a training: written whole or not at all, and refused when they are another's."""

from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from export.networks.family import build_network, network_sizes
from export.networks.interface import GeneratorNetwork
from export.training.plan import Plan
from shared.errors import ArtifactError

CHECKPOINT_NAME = "checkpoint.pt"
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A training as it stood."""

    path: Path
    network: str
    sizes: dict[str, Any]
    plan: Plan
    face_model: str
    """Digest of the face model whose conditions it learns from."""

    state: dict[str, Any]
    """`Trainer.state`."""

    def build_fresh(self) -> GeneratorNetwork:
        """The network with fresh weights, folded where the checkpoint's is.

        One that went on from a bundle is folded from its beginning.
        """
        network = build_network(self.network, self.sizes)
        statistics = {name for name in network.state_dict() if name.endswith(".variance")}
        if not statistics & self.state["average"].keys():
            network.fold()
        return network

    def build_average(self) -> GeneratorNetwork:
        """The network with the averaged weights, ready to run.

        Raises ArtifactError when they do not fit the network that the checkpoint names.
        """
        network = self.build_fresh()
        try:
            network.load_state_dict(self.state["average"])
        except RuntimeError as err:
            details = str(err).partition("\n")[2] or str(err)  # one line for each tensor
            first = shorten(details, 200, placeholder=" ...")
            raise ArtifactError(
                f"{self.path}: weights that are not this {self.network}'s: {first}"
            ) from err
        return network.eval()


def save_checkpoint(
    path: Path, network: GeneratorNetwork, plan: Plan, face_model: str, state: dict[str, Any]
) -> None:
    """Write a checkpoint; the one before stays until the new one is whole."""
    part = path.with_suffix(".part")
    content = {
        "format": _FORMAT,
        "network": network.spec.name,
        "sizes": network_sizes(network),
        "plan": asdict(plan),
        "face_model": face_model,
        "state": state,
    }
    torch.save(content, part)
    part.rename(path)


def load_checkpoint(path: Path, *, network: str | None = None) -> Checkpoint:
    """Raises ArtifactError for a file that is no checkpoint, or one of another network."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as err:
        raise ArtifactError(f"{path}: not found, a checkpoint of a training is expected") from err
    except Exception as err:  # torch.load raises pickle, zip, runtime and value errors
        # Their texts explain torch's settings, not what was found.
        raise ArtifactError(
            f"{path}: cannot be read ({type(err).__name__}), a checkpoint of a training is expected"
        ) from err
    found = content.get("format") if isinstance(content, dict) else type(content).__name__
    if found != _FORMAT:
        raise ArtifactError(f"{path}: format {found}, a checkpoint of format {_FORMAT} is expected")
    try:
        checkpoint = Checkpoint(
            path=path,
            network=content["network"],
            sizes=content["sizes"],
            plan=Plan(**content["plan"]),
            face_model=content["face_model"],
            state=content["state"],
        )
    except (KeyError, TypeError) as err:
        raise ArtifactError(f"{path}: {err}, a checkpoint of this program is expected") from err
    if network is not None and checkpoint.network != network:
        raise ArtifactError(
            f"{path}: a checkpoint of network {checkpoint.network}, {network} is expected"
        )
    return checkpoint
