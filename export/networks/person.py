"""What belongs to the person in a picture: MediaPipe's selfie segmentation network, frozen.

A MobileNetV3 (Howard et al. 2019) whose squeezes gate as in section 5.3, and a decoder whose skips
are gated by the mean of what meets in them. Its training took far more people than we have.

    input (256, 256, 3)     0..1
    3x3 conv-16 /2          (128, 128, 16)  s128, hard swish
    3x3 block /2, SE        (64, 64, 16)    s64, ReLU
    3x3 block /2, 3x3 block (32, 32, 24)    s32, ReLU
    5x5 block /2, SE        (16, 16, 32)    hard swish
    4 5x5 blocks, SE        (16, 16, 32)
    1x1 conv-128 ReLU, times the sigmoid of a 1x1 conv-128 of the mean
    twice as large, 1x1 conv-24, gated s32 added, 1x1 conv, 3x3 depthwise added
    the same with 16 and s64, then with 16 and s128
    2x2 transposed conv-1   (256, 256, 1)   sigmoid

block: 1x1 conv, depthwise conv, squeeze and excitation (SE), 1x1 conv; added to its input where the
sizes are the same. 66 MMACs a picture and 108 k weights, kept as float16. Layers are registered in
the order of the file's operations, which `export.person_weights` relies on.

Source: `modules/selfie_segmentation/selfie_segmentation.tflite` (the general model) of MediaPipe
0.10.21, Apache License 2.0; see export/assets/NOTICE.
"""

import io
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.errors import ArtifactError

WEIGHTS_PATH = Path(__file__).parent.parent / "assets" / "person_network.npz"

PERSON_NOTICE = (
    "The reference encoder contains MediaPipe's selfie segmentation network (general model, "
    "version 0.10.21), Copyright The MediaPipe Authors, Apache License 2.0, unchanged in value. "
    "It was not trained by this project."
)


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does: at stride 2 less before than after.

    For sides that the stride divides. At stride 2 the kernel is one larger, its first row and
    column zeros, so that padding is alike on both sides and a graph needs no operator for it.
    """

    def __init__(
        self, planes: int, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            planes,
            channels,
            kernel + (stride == 2),
            stride=stride,
            padding=kernel // 2,
            groups=groups,
        )


class Excitation(nn.Module):
    """Squeeze and excitation (Hu et al. 2018): a factor 0..1 a channel, from the means."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        squeezed = functional.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        return torch.sigmoid(self.excite(squeezed))


class InvertedResidual(nn.Module):
    """A block of MobileNetV3; `squeezed` 0 leaves the excitation out."""

    def __init__(
        self,
        planes: int,
        expanded: int,
        channels: int,
        *,
        kernel: int,
        stride: int = 1,
        squeezed: int = 0,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.expand = SameConv(planes, expanded, 1)
        self.depthwise = SameConv(expanded, expanded, kernel, stride=stride, groups=expanded)
        self.excitation = Excitation(expanded, squeezed) if squeezed else None
        self.project = SameConv(expanded, channels, 1)
        self.activation = activation()
        self.adds = planes == channels and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, planes, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.activation(self.expand(x))
        y = self.activation(self.depthwise(y))
        if self.excitation is not None:
            y = y * self.excitation(y)
        y = self.project(y)
        return x + y if self.adds else y


class Rise(nn.Module):
    """A step of the decoder: to twice the size, where a gated skip joins."""

    def __init__(self, planes: int, channels: int) -> None:
        super().__init__()
        self.enter = SameConv(planes, channels, 1)
        self.gate = Excitation(channels, channels)
        self.mix = SameConv(channels, channels, 1)
        self.depthwise = SameConv(channels, channels, 3, groups=channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, planes, H, W), (B, channels, 2H, 2W) -> (B, channels, 2H, 2W)."""
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.enter(x)
        x = skip * self.gate(skip + x) + x
        x = functional.relu(self.mix(x))
        return x + functional.relu(self.depthwise(x))


class PersonNetwork(nn.Module):
    """The whole network; without `load` its weights are random."""

    def __init__(self) -> None:
        super().__init__()
        swish, relu = nn.Hardswish, nn.ReLU
        block = InvertedResidual
        self.enter = SameConv(3, 16, 3, stride=2)
        self.block64 = block(16, 16, 16, kernel=3, stride=2, squeezed=8, activation=relu)
        self.blocks32 = nn.Sequential(
            block(16, 72, 24, kernel=3, stride=2, activation=relu),
            block(24, 88, 24, kernel=3, activation=relu),
        )
        self.blocks16 = nn.Sequential(
            block(24, 96, 32, kernel=5, stride=2, squeezed=24, activation=swish),
            *(
                block(32, 4 * squeezed, 32, kernel=5, squeezed=squeezed, activation=swish)
                for squeezed in (32, 32, 24, 24)
            ),
        )
        self.context = SameConv(32, 128, 1)
        self.context_gate = SameConv(32, 128, 1)
        self.rise32 = Rise(128, 24)
        self.rise64 = Rise(24, 16)
        self.rise128 = Rise(16, 16)
        self.leave = nn.ConvTranspose2d(16, 1, 2, stride=2)
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, path: Path = WEIGHTS_PATH) -> Self:
        """The network with the weights of `python -m export person-network`.

        Raises ArtifactError for a file that is missing or does not hold these weights.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                weights = {name: file[name] for name in file.files}
        except Exception as err:  # a damaged archive raises zlib's errors and more
            raise ArtifactError(f"{path}: no weights of the person network can be read") from err
        network = cls()
        expected = network.state_dict()
        if strange := sorted(weights.keys() ^ expected.keys()):
            raise ArtifactError(
                f"{path}: {strange[0]} is missing or strange, {len(expected)} known arrays are "
                "expected"
            )
        for name, values in expected.items():
            found = weights[name]
            if found.ndim == 4 and found.shape[-1] == values.shape[-1] - 1:  # `SameConv`
                found = np.pad(found, ((0, 0), (0, 0), (1, 0), (1, 0)))
            if found.dtype != np.float16 or found.shape != values.shape:
                raise ArtifactError(
                    f"{path}: {name} is {found.dtype} {found.shape}, float16 {tuple(values.shape)} "
                    "is expected"
                )
            values.copy_(torch.from_numpy(found))
        return network

    def train(self, mode: bool = True) -> Self:
        """Evaluation it stays, whatever `mode`: the network is frozen."""
        return super().train(False)

    def forward(self, image: Tensor) -> Tensor:
        """(R, 3, 256, 256) in -1..1 -> (R, 1, 256, 256), probability; in float32 always."""
        # Autocast knows no meta device, on which sizes are counted.
        with torch.autocast("cuda" if image.is_cuda else "cpu", enabled=False):
            s128 = functional.hardswish(self.enter(0.5 * image.float() + 0.5))
            s64 = self.block64(s128)
            s32 = self.blocks32(s64)
            x = self.blocks16(s32)
            gate = torch.sigmoid(self.context_gate(x.mean((2, 3), keepdim=True)))
            x = functional.relu(self.context(x)) * gate
            x = self.rise128(self.rise64(self.rise32(x, s32), s64), s128)
            return torch.sigmoid(self.leave(x))
