"""The weights of a bundle, back in the network that it was exported from."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from export.networks.interface import GeneratorNetwork
from shared.bundle import load_bundle
from shared.errors import ArtifactError


def load_bundle_weights(network: GeneratorNetwork, folder: Path) -> None:
    """Fill every parameter of `network` from the graphs of a bundle, by name.

    Raises ArtifactError for a bundle that is no bundle, or of another network or other sizes.
    """
    bundle = load_bundle(folder)
    network.fold()  # as the bundle's are: what was normalised before goes on as it is
    found: dict[str, torch.Tensor] = {}
    for content in (bundle.reference_encoder, bundle.frame_generator):
        graph = onnx.load_model_from_string(content).graph
        for tensor in graph.initializer:
            found[_name(tensor.name)] = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        # Weights that are equal, as biases of a sum are all through a training, are stored once.
        for node in graph.node:
            if node.op_type == "Identity" and _name(node.input[0]) in found:
                found[_name(node.output[0])] = found[_name(node.input[0])]
    for name, parameter in network.named_parameters():
        if name not in found:
            raise ArtifactError(
                f"{folder}: {bundle.manifest.name} without weights {name}, a bundle of "
                f"{network.spec.name} is expected"
            )
        if found[name].shape != parameter.shape:
            raise ArtifactError(
                f"{folder}: {name} of shape {tuple(found[name].shape)}, "
                f"{tuple(parameter.shape)} is expected"
            )
        with torch.no_grad():
            parameter.copy_(found[name])


def _name(of_graph: str) -> str:
    return of_graph.removeprefix("network.")
