"""Kernels of the recognition network: what numpy would do in many passes. Channels come last."""

import numpy as np
from numba import njit

from shared.parameters import FloatArray


@njit(cache=True, nogil=True, fastmath=True)
def convolve_channels(
    x: FloatArray, taps: FloatArray, bias: FloatArray, slope: FloatArray, stride: int
) -> FloatArray:
    """Depthwise 3 x 3 convolution, pad 1, of (H, W, C) with `taps` (3, 3, C), then PReLU."""
    height, width, channels = x.shape
    rows, columns = (height + stride - 1) // stride, (width + stride - 1) // stride
    result = np.empty((rows, columns, channels), np.float32)
    total = np.empty(channels, np.float32)
    for row in range(rows):
        for column in range(columns):
            total[:] = bias
            for i in range(3):
                y = row * stride + i - 1
                if y < 0 or y >= height:
                    continue
                for j in range(3):
                    z = column * stride + j - 1
                    if z < 0 or z >= width:
                        continue
                    for channel in range(channels):
                        total[channel] += x[y, z, channel] * taps[i, j, channel]
            for channel in range(channels):
                value = total[channel]
                result[row, column, channel] = value if value > 0 else value * slope[channel]
    return result


@njit(cache=True, nogil=True, fastmath=True)
def bend(x: FloatArray, bias: FloatArray, slope: FloatArray) -> None:
    """PReLU of `x` (N, C) plus `bias`, in place; a slope of 1 leaves it straight."""
    for row in range(x.shape[0]):
        for channel in range(x.shape[1]):
            value = x[row, channel] + bias[channel]
            x[row, channel] = value if value > 0 else value * slope[channel]
