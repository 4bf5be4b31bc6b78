"""Checkpoints of a training: written whole or not at all, and refused when they are another's."""

from dataclasses import asdict, dataclass
from pathlib import Path
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

    network: str
    sizes: dict[str, Any]
    plan: Plan
    face_model: str
    """Digest of the face model whose conditions it learns from."""

    state: dict[str, Any]
    """`Trainer.state`."""

    def build_average(self) -> GeneratorNetwork:
        """The network with the averaged weights, ready to run.

        Raises ArtifactError when they do not fit the network that the checkpoint names.
        """
        network = build_network(self.network, self.sizes)
        try:
            network.load_state_dict(self.state["average"])
        except RuntimeError as err:
            raise ArtifactError(f"weights that are not {self.network}'s: {err}") from err
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
        first = str(err).partition("\n")[0][:120]
        raise ArtifactError(f"{path}: {first}, a checkpoint of a training is expected") from err
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ArtifactError(f"{path}: no checkpoint of format {_FORMAT}")
    if network is not None and content["network"] != network:
        raise ArtifactError(
            f"{path}: a checkpoint of network {content['network']}, {network} is expected"
        )
    return Checkpoint(
        network=content["network"],
        sizes=content["sizes"],
        plan=Plan(**content["plan"]),
        face_model=content["face_model"],
        state=content["state"],
    )
