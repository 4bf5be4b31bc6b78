"""CSIM: whether two pictures show the same person, by a face-recognition network.

MobileFaceNet (Chen et al. 2018) from a file of arrays that lies outside the project. Channels
come last here: (H, W, C).
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from benchmarks.identity_kernels import bend, convolve_channels
from shared.errors import ArtifactError
from shared.parameters import FloatArray, Image

_SIZE = (96, 112)
"""Width and height of the aligned face."""

_POINTS = np.array(
    [[30.29, 51.70], [65.53, 51.50], [48.03, 71.74], [33.55, 92.37], [62.73, 92.20]], np.float32
)
"""Where eyes, nose tip and mouth corners of the aligned face lie, pixels."""

_VERTICES = [468, 473, 1, 61, 291]
"""The same points among the 478 landmarks."""

_STRIDES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1)
"""Of the inverted residual blocks 0 to 14."""

_FEATURE_BLOCKS = (0, 4, 8, 11, 14)

_BATCH_NORM_EPSILON = 1e-5


class IdentityNetwork:
    """Turns a face into 128 numbers of unit length; the dot product of two is CSIM.

    Threads may share it.
    """

    def __init__(self, path: Path) -> None:
        """Raises ArtifactError when the file is missing or lacks a layer."""
        try:
            with np.load(path) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (OSError, ValueError) as err:
            raise ArtifactError(
                f"{path}: {err}, the weights of MobileFaceNet are expected"
            ) from err
        if arrays.get("linear1.conv.weight", np.empty(0)).shape != (128, 512, 1, 1):
            raise ArtifactError(f"{path}: no linear1 of 128 x 512, MobileFaceNet is expected")
        self._first = _Layer(arrays, "conv1.conv", "conv1.bn", "conv1.prelu")
        self._first_depthwise = _Layer(arrays, "dw_conv1.conv", "dw_conv1.bn", "dw_conv1.prelu")
        self._blocks = [
            [
                _Layer(arrays, f"blocks.{number}.conv.0", *_after(number, 1)),
                _Layer(arrays, f"blocks.{number}.conv.3", *_after(number, 4)),
                _Layer(arrays, f"blocks.{number}.conv.6", f"blocks.{number}.conv.7"),
            ]
            for number in range(len(_STRIDES))
        ]
        self._last = _Layer(arrays, "conv2.conv", "conv2.bn", "conv2.prelu")
        self._pool = _Layer(arrays, "linear7.conv", "linear7.bn")
        self._embedding = _Layer(arrays, "linear1.conv", "linear1.bn")

    def embed(self, image: Image, landmarks: FloatArray) -> FloatArray:
        """(128,) of unit length, from landmarks (478, 2 or 3) in pixels of `image`."""
        x = self._last.pointwise(self._outputs(image, landmarks)[-1])
        # As large as its input: a weighted mean over all places of each channel.
        pooled = np.einsum("yxc,cyx->c", x, self._pool.weight[:, 0]) + self._pool.bias
        x = self._embedding.weight[:, :, 0, 0] @ pooled + self._embedding.bias
        return x / np.float32(np.linalg.norm(x))

    def features(self, image: Image, landmarks: FloatArray) -> list[FloatArray]:
        """(H, W, C) each, from early to late: what blocks 0, 4, 8, 11 and 14 give."""
        outputs = self._outputs(image, landmarks)
        return [outputs[block] for block in _FEATURE_BLOCKS]

    def _outputs(self, image: Image, landmarks: FloatArray) -> list[FloatArray]:
        """Of each block."""
        levels = _align(image, landmarks).astype(np.float32)
        x: FloatArray = (levels - np.float32(127.5)) / np.float32(128)
        x = self._first.dense(x, stride=2)
        x = self._first_depthwise.depthwise(x, stride=1)
        outputs: list[FloatArray] = []
        for (expand, depthwise, project), stride in zip(self._blocks, _STRIDES, strict=True):
            y = project.pointwise(depthwise.depthwise(expand.pointwise(x), stride=stride))
            x = x + y if stride == 1 and x.shape == y.shape else y
            outputs.append(x)
        return outputs


def _after(block: int, first: int) -> tuple[str, str]:
    """The names of batch norm and PReLU behind a block's convolution."""
    return f"blocks.{block}.conv.{first}", f"blocks.{block}.conv.{first + 1}"


class _Layer:
    """A convolution without bias, its batch norm folded in, and perhaps PReLU."""

    def __init__(
        self, arrays: Mapping[str, FloatArray], conv: str, norm: str, prelu: str | None = None
    ) -> None:
        variance = arrays[f"{norm}.running_var"]
        scale = arrays[f"{norm}.weight"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
        weight = arrays[f"{conv}.weight"] * scale[:, None, None, None]
        self.weight: FloatArray = weight.astype(np.float32)
        """(out, in, h, w); in is 1 where each channel has its own."""
        bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
        self.bias: FloatArray = bias.astype(np.float32)
        slope = np.ones_like(bias) if prelu is None else arrays[f"{prelu}.weight"]
        self._slope: FloatArray = slope.astype(np.float32)
        self._matrix = np.ascontiguousarray(self.weight.reshape(len(bias), -1).T)
        self._taps = np.ascontiguousarray(np.moveaxis(self.weight[:, 0], 0, -1))

    def dense(self, x: FloatArray, *, stride: int) -> FloatArray:
        """3 x 3, pad 1."""
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        windows = windows[::stride, ::stride]
        return self._bent((windows.reshape(-1, len(self._matrix)) @ self._matrix), windows.shape)

    def pointwise(self, x: FloatArray) -> FloatArray:
        return self._bent(x.reshape(-1, x.shape[-1]) @ self._matrix, x.shape)

    def depthwise(self, x: FloatArray, *, stride: int) -> FloatArray:
        """3 x 3, pad 1."""
        return convolve_channels(x, self._taps, self.bias, self._slope, stride)

    def _bent(self, x: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        bend(x, self.bias, self._slope)
        return x.reshape(*shape[:2], -1)


def _align(image: Image, landmarks: FloatArray) -> Image:
    """The face by the similarity transform that takes its five points nearest to `_POINTS`."""
    found = landmarks[_VERTICES, :2].astype(np.float64)
    # Umeyama without reflection, as complex numbers: target = a * found + b.
    source = (found[:, 0] + 1j * found[:, 1]) - 0.5 * (1 + 1j)
    target = _POINTS[:, 0].astype(np.float64) + 1j * _POINTS[:, 1]
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    b = target.mean() - a * source.mean()
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    return np.asarray(cv2.warpAffine(image, matrix, _SIZE, flags=cv2.INTER_LINEAR), np.uint8)
