"""Discriminators D and D_m (HeadGAN appendix C.2): patch discriminators, spectrally normalised.

    D    (B, 3 + 3, 256, 256)  picture and pncc, the picture by 2 x 2 blocks at 128
    D_m  (B, 3 (+ 300), 64, 64) the mouth's region, with audio features replicated where there are

    conv 4x4 /2, LReLU ... -> conv 3x3 -> 1 plane of verdicts; every layer's output before that is
    a feature map for the matching loss.

D takes 0.16 GMACs and D_m 0.05 with the default widths, so that both together cost less than the
generator they teach.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

MOUTH_SIZE = 64
"""Side of the mouth's region in pixels."""

_PNCC = 3


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a discriminator makes of a batch."""

    score: Tensor
    """(B, 1, h, w): above 0 real, below 0 generated (hinge)."""

    features: tuple[Tensor, ...]


class PatchDiscriminator(nn.Module):
    """Strided 4 x 4 convolutions, one of stride 1, and the verdict; leaky ReLU 0.2 between."""

    def __init__(self, planes: int, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths[:-1]:
            layers.append(spectral_norm(nn.Conv2d(planes, width, 4, stride=2, padding=1)))
            planes = width
        layers.append(spectral_norm(nn.Conv2d(planes, widths[-1], 3, padding=1)))
        self.layers = nn.ModuleList(layers)
        self.verdict = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> Verdict:
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return Verdict(score=self.verdict(x), features=tuple(features))


class ImageDiscriminator(nn.Module):
    """D(x_t, y): whether a picture is real and fits its pncc."""

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 192)) -> None:
        super().__init__()
        self.patches = PatchDiscriminator(4 * 3 + _PNCC, widths)

    def forward(self, image: Tensor, pncc: Tensor) -> Verdict:
        """image (B, 3, S, S); pncc (B, 3, h, h) of any size, brought to S/2."""
        half = image.shape[-1] // 2
        if pncc.shape[-1] != half:
            pncc = functional.interpolate(pncc, (half, half), mode="bilinear", align_corners=False)
        verdict: Verdict = self.patches(torch.cat([functional.pixel_unshuffle(image, 2), pncc], 1))
        return verdict


class MouthDiscriminator(nn.Module):
    """D_m(h, y^m): whether a mouth is real and, with audio features, says that sound."""

    def __init__(self, widths: Sequence[int] = (32, 64, 96), audio_size: int = 0) -> None:
        super().__init__()
        self.audio_size = audio_size
        self.patches = PatchDiscriminator(3 + audio_size, widths)

    def forward(self, mouth: Tensor, audio: Tensor | None = None) -> Verdict:
        """mouth (B, 3, 64, 64); audio (B, audio_size)."""
        if self.audio_size:
            assert audio is not None
            spread = audio[:, :, None, None].expand(-1, -1, *mouth.shape[-2:])
            mouth = torch.cat([mouth, spread], 1)
        verdict: Verdict = self.patches(mouth)
        return verdict
