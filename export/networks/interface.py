"""What every generator network of the family states about itself, takes and gives."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from export.networks.normed import NormedConv
from shared.channel import Channel, channel_count


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The contract that a bundle's manifest states (DESIGN 5)."""

    name: str
    size: int
    """Side S of the picture."""

    channels: tuple[Channel, ...]
    """Conditions, in the order of their planes."""

    condition_size: int
    """Side of the square conditions."""

    history: int
    """Past frames k whose pncc the frame generator takes."""

    takes_audio: bool
    features: tuple[str, ...]
    """Names of what `encode` returns, in order."""

    @property
    def condition_channels(self) -> int:
        return channel_count(self.channels)

    def planes(self, channel: Channel) -> slice:
        """Where the planes of one channel lie among the conditions'."""
        start = channel_count(self.channels[: self.channels.index(channel)])
        return slice(start, start + channel_count([channel]))


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """Pictures of a batch in [-1, 1], and what they were made of."""

    image: Tensor
    """(B, 3, S, S)."""

    warped: Tensor
    """(B, 3, S, S) what is made of the reference's own pixels; supervised too (HeadGAN's L_F)."""

    mask: Tensor | None
    """(B, 1, S, S) in [0, 1]: 1 where painted, 0 where warped; None without blending."""

    painted: Tensor | None = None
    """(B, 3, S, S) before blending; None without."""

    flow: Tensor | None = None
    """(B, 2, h, w) by which `warped` was moved, image units; of any size."""


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What a network can tell of a picture at a small part of its cost."""

    picture: Tensor
    """(B, 3, h, h) in [-1, 1], smaller than the picture."""

    flow: Tensor
    """(B, 2, h, h) by which it was moved, image units; of any size."""


class GeneratorNetwork(nn.Module):
    """A generator in two parts: what depends on the reference alone, and the rest."""

    spec: NetworkSpec
    notice: str = ""
    """Of weights in it that are others'; a bundle's card shows it."""

    @abstractmethod
    def encode(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        """Features of references: image (R, 3, S, S) in [-1, 1], its own conditions (R, C, h, w).

        In the order of `spec.features`.
        """

    @abstractmethod
    def generate(
        self,
        conditions: Tensor,
        features: Sequence[Tensor],
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        """Pictures from conditions (B, C, h, w) and features of B references.

        `past_pncc` (B, 3k, h, w), newest first, with history k > 0; `audio` (B, 300) where taken.
        """

    def fold(self) -> None:
        """Put what was normalised while learning into weights, for good."""
        for layer in self.modules():
            if isinstance(layer, NormedConv):
                layer.fold()

    def preview(self, conditions: Tensor, features: Sequence[Tensor]) -> Preview | None:
        """The motion and a small picture alone, where they cost much less than the picture."""
        return None

    def forward(
        self,
        image: Tensor,
        own_conditions: Tensor,
        conditions: Tensor,
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        """Both parts, for one driving frame of each reference."""
        return self.generate(conditions, self.encode(image, own_conditions), past_pncc, audio)
