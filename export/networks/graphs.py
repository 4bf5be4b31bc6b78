"""The two graphs of a bundle (DESIGN 5), as modules whose inputs are tensors side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from export.networks.interface import GeneratorNetwork


class EncoderGraph(nn.Module):
    """The once-per-reference graph; features leave it in float32."""

    def __init__(self, network: GeneratorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        picture, *features = self.network.encode(image, conditions)
        # An output may not be an input itself.
        return (picture * 1.0, *(feature.float() for feature in features))


class FrameGraph(nn.Module):
    """The per-frame graph; inputs conditions, features, past pncc, audio, those that are taken."""

    def __init__(self, network: GeneratorNetwork, feature_types: Sequence[torch.dtype]) -> None:
        """`feature_types`: those in which the network's encoder gives its features."""
        super().__init__()
        self.network = network
        self._feature_types = feature_types

    def forward(self, conditions: Tensor, *others: Tensor) -> Tensor:
        rest = list(others)
        spec = self.network.spec
        features = [rest.pop(0).to(wanted) for wanted in self._feature_types]
        past = rest.pop(0) if spec.history else None
        audio = rest.pop(0) if spec.takes_audio else None
        return self.network.generate(conditions, features, past, audio).image.clamp(-1, 1)
