"""CSIM: whether two pictures show the same person, by a face-recognition network.

MobileFaceNet (Chen et al. 2018) in plain numpy from a file of arrays that lies outside the
project. Channels come last here: (H, W, C).
"""

from pathlib import Path

import cv2
import numpy as np

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

_BATCH_NORM_EPSILON = 1e-5


class IdentityNetwork:
    """Turns a face into 128 numbers of unit length; the dot product of two is CSIM."""

    def __init__(self, path: Path) -> None:
        """Raises ArtifactError when the file is missing or lacks a layer."""
        try:
            with np.load(path) as archive:
                self._arrays = {name: archive[name] for name in archive.files}
        except (OSError, ValueError) as err:
            raise ArtifactError(
                f"{path}: {err}, the weights of MobileFaceNet are expected"
            ) from err
        if self._arrays.get("linear1.conv.weight", np.empty(0)).shape != (128, 512, 1, 1):
            raise ArtifactError(f"{path}: no linear1 of 128 x 512, MobileFaceNet is expected")

    def embed(self, image: Image, landmarks: FloatArray) -> FloatArray:
        """(128,) of unit length, from landmarks (478, 2 or 3) in pixels of `image`."""
        levels = _align(image, landmarks).astype(np.float32)
        x: FloatArray = (levels - np.float32(127.5)) / np.float32(128)
        x = self._prelu(self._norm(self._dense3(x, "conv1.conv"), "conv1.bn"), "conv1.prelu")
        x = self._norm(self._depthwise(x, "dw_conv1.conv", stride=1, pad=1), "dw_conv1.bn")
        x = self._prelu(x, "dw_conv1.prelu")
        for number, stride in enumerate(_STRIDES):
            x = self._block(x, f"blocks.{number}.conv", stride)
        x = self._prelu(self._norm(self._pointwise(x, "conv2.conv"), "conv2.bn"), "conv2.prelu")
        x = self._norm(self._depthwise(x, "linear7.conv", stride=1, pad=0), "linear7.bn")
        x = self._norm(self._pointwise(x, "linear1.conv"), "linear1.bn").ravel()
        return x / np.float32(np.linalg.norm(x))

    def _block(self, x: FloatArray, name: str, stride: int) -> FloatArray:
        y = self._norm(self._pointwise(x, f"{name}.0"), f"{name}.1")
        y = self._prelu(y, f"{name}.2")
        y = self._norm(self._depthwise(y, f"{name}.3", stride=stride, pad=1), f"{name}.4")
        y = self._prelu(y, f"{name}.5")
        y = self._norm(self._pointwise(y, f"{name}.6"), f"{name}.7")
        return x + y if stride == 1 and x.shape == y.shape else y

    def _dense3(self, x: FloatArray, name: str) -> FloatArray:
        """3 x 3, stride 2, pad 1."""
        weight = self._arrays[f"{name}.weight"]
        patches = _windows(x, 3, 3, stride=2, pad=1)
        return np.einsum("yxcij,ocij->yxo", patches, weight, optimize=True)

    def _depthwise(self, x: FloatArray, name: str, *, stride: int, pad: int) -> FloatArray:
        weight = self._arrays[f"{name}.weight"][:, 0]
        patches = _windows(x, *weight.shape[1:], stride=stride, pad=pad)
        y = np.zeros(patches.shape[:3], np.float32)
        for i, j in np.ndindex(*weight.shape[1:]):
            y += patches[..., i, j] * weight[:, i, j]
        return y

    def _pointwise(self, x: FloatArray, name: str) -> FloatArray:
        y: FloatArray = x @ self._arrays[f"{name}.weight"][:, :, 0, 0].T
        return y

    def _norm(self, x: FloatArray, name: str) -> FloatArray:
        variance = self._arrays[f"{name}.running_var"]
        scale = self._arrays[f"{name}.weight"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
        mean, bias = self._arrays[f"{name}.running_mean"], self._arrays[f"{name}.bias"]
        y: FloatArray = (x - mean) * scale + bias
        return y

    def _prelu(self, x: FloatArray, name: str) -> FloatArray:
        return np.where(x > 0, x, x * self._arrays[f"{name}.weight"])


def _windows(x: FloatArray, height: int, width: int, *, stride: int, pad: int) -> FloatArray:
    """(H', W', C, height, width) view of padded `x`."""
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(0, 1))
    return windows[::stride, ::stride]


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
