"""MobileFaceNet as a fixed perceptual measure, and whole for CSIM in validation.

No VGG weights can be had. The perceptual loss takes this network's layers up to `blocks.8`; what
lies behind them, and CSIM itself, never enters a loss, so that CSIM stays a fair measure.
The weights lie outside the project (`metrics/README.md` beside them states the layers).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.training.face_alignment import ALIGNED_HEIGHT, ALIGNED_WIDTH
from shared.errors import ArtifactError

_STRIDES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1)
"""Of the inverted residual blocks 0 to 14."""

_LAST_IN_LOSS = 8
_TAPS = (0, 4, 5, 8)
"""Blocks whose outputs are compared, beside the first convolution."""

_EPSILON = 1e-5


class RecognitionNetwork(nn.Module):
    """MobileFaceNet with its batch norms folded into the convolutions; never trained."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.conv1 = _folded(arrays, "conv1.conv", "conv1.bn", stride=2, padding=1)
        self.conv1_act = _prelu(arrays, "conv1.prelu")
        self.dw_conv1 = _folded(arrays, "dw_conv1.conv", "dw_conv1.bn", padding=1)
        self.dw_conv1_act = _prelu(arrays, "dw_conv1.prelu")
        self.blocks = nn.ModuleList(
            _Block(arrays, f"blocks.{number}.conv", stride)
            for number, stride in enumerate(_STRIDES)
        )
        self.conv2 = _folded(arrays, "conv2.conv", "conv2.bn")
        self.conv2_act = _prelu(arrays, "conv2.prelu")
        self.linear7 = _folded(arrays, "linear7.conv", "linear7.bn")
        self.linear1 = _folded(arrays, "linear1.conv", "linear1.bn")
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def load(cls, path: Path) -> "RecognitionNetwork":
        """Raises ArtifactError when the file is missing or lacks a layer."""
        try:
            with np.load(path) as archive:
                return cls({name: archive[name] for name in archive.files})
        except (OSError, ValueError, KeyError) as err:
            raise ArtifactError(
                f"{path}: {err}, the weights of MobileFaceNet are expected"
            ) from err

    def features(self, faces: Tensor) -> list[Tensor]:
        """Outputs at several depths up to `blocks.8` for aligned faces (B, 3, 112, 96)."""
        x = self.conv1_act(self.conv1(faces))
        taps = [x]
        x = self.dw_conv1_act(self.dw_conv1(x))
        for number in range(_LAST_IN_LOSS + 1):
            x = self.blocks[number](x)
            if number in _TAPS:
                taps.append(x)
        return taps

    def embed(self, faces: Tensor) -> Tensor:
        """(B, 128) of unit length; the dot product of two is CSIM. For measuring alone."""
        x = self.dw_conv1_act(self.dw_conv1(self.conv1_act(self.conv1(faces))))
        for block in self.blocks:
            x = block(x)
        x = self.linear1(self.linear7(self.conv2_act(self.conv2(x))))
        return functional.normalize(x.flatten(1).float(), dim=1)


def align_faces(pictures: Tensor, alignments: Tensor) -> Tensor:
    """(B, 3, 112, 96) faces of pictures (B, 3, S, S) in [-1, 1] by transforms (B, 2, 3)."""
    size = [pictures.shape[0], 3, ALIGNED_HEIGHT, ALIGNED_WIDTH]
    grid = functional.affine_grid(alignments.float(), size, align_corners=False)
    faces = functional.grid_sample(
        pictures.float(), grid, padding_mode="border", align_corners=False
    )
    return faces.contiguous(memory_format=torch.channels_last)


class _Block(nn.Module):
    """Inverted residual: 1x1 expand, 3x3 depthwise, 1x1 project; added where shapes agree."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, stride: int) -> None:
        super().__init__()
        self.expand = _folded(arrays, f"{name}.0", f"{name}.1")
        self.expand_act = _prelu(arrays, f"{name}.2")
        self.depthwise = _folded(arrays, f"{name}.3", f"{name}.4", stride=stride, padding=1)
        self.depthwise_act = _prelu(arrays, f"{name}.5")
        self.project = _folded(arrays, f"{name}.6", f"{name}.7")
        self.is_residual = stride == 1 and self.expand.in_channels == self.project.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        y = self.project(self.depthwise_act(self.depthwise(y)))
        return x + y if self.is_residual else y


def _folded(
    arrays: Mapping[str, np.ndarray], conv: str, norm: str, *, stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    weight = torch.from_numpy(arrays[f"{conv}.weight"].astype(np.float32))
    variance = arrays[f"{norm}.running_var"].astype(np.float64)
    scale = arrays[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
    outputs, inputs_per_group, height, width = weight.shape
    depthwise = inputs_per_group == 1 and outputs > 1
    layer = nn.Conv2d(
        outputs if depthwise else inputs_per_group,
        outputs,
        (height, width),
        stride=stride,
        padding=padding,
        groups=outputs if depthwise else 1,
    )
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(weight * torch.from_numpy(scale.astype(np.float32))[:, None, None, None])
        layer.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
    return layer


class _Prelu(nn.Module):
    """PReLU of fixed slopes, from operations that are fast both ways.

    On a CPU torch's own, and anything with `where` or `clamp`, takes three to five times as long.
    """

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.slopes: Tensor
        self.register_buffer("slopes", slopes[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        slopes = self.slopes.to(x.dtype)
        return x * slopes + functional.relu(x) * (1 - slopes)


def _prelu(arrays: Mapping[str, np.ndarray], name: str) -> "_Prelu":
    return _Prelu(torch.from_numpy(arrays[f"{name}.weight"].astype(np.float32)))
