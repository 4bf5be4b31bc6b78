"""Face-perceptual distance: how differently a face-recognition network sees two pictures.

LPIPS (Zhang et al., CVPR 2018, Eq. 1) with the layers of MobileFaceNet in place of VGG's and
without its trained weights. Both faces are aligned by the true picture's landmarks, so that a
feature out of place counts. `lite` was trained on this network's layers up to block 8: here
blocks 11 and 14 count as well, and still the measure favours it over a codec.

    mean over layers of the mean over places of | f(picture) / |f| - f(truth) / |f| |^2
"""

from collections.abc import Sequence

import numpy as np

from shared.parameters import FloatArray

_LEAST_NORM = 1e-8


def perceptual_distance(found: Sequence[FloatArray], expected: Sequence[FloatArray]) -> float:
    """Of two lists of features (H, W, C); 0 for the same picture, at most 4."""
    distances = [
        float(np.square(_unit(one) - _unit(other)).sum(axis=-1).mean())
        for one, other in zip(found, expected, strict=True)
    ]
    return float(np.mean(distances))


def _unit(features: FloatArray) -> FloatArray:
    norm = np.linalg.norm(features, axis=-1, keepdims=True)
    return np.asarray(features / np.maximum(norm, _LEAST_NORM), np.float32)
