"""How the head proxy moves with expression: the part of a fitted face that is really the head.

A fit trades pose against expression. An expression that fits an open mouth also lengthens and
shifts the whole face, forehead included, and the camera gives way. Camera and expression
together put the face's outline in its right place, but neither does alone: a proxy that followed
the camera only slid against the face, and most of all on heads that are nearly still.

So the proxy takes two parts of the outline's offset:

- the similarity (shift, turn, scale) that fits the offset of the outline's upper half best, where
  bone lies below the skin: it moves the entire head, crown and back too;
- what is left of the offset (the chin that drops, cheeks that widen), spread from the outline by
  inverse distance and fading with it: beside the face the proxy follows its outline.

Both are linear in the offset, so they fold into one basis. Measured with the warp on 15 validation
clips, parameters coded, mean of PSNR and SSIM (sender's references; the one middle reference):

    no motion with expression               22.21 dB .755    22.73 dB .769
    outline's offset spread, 1 / d^4        22.44 dB .761    22.92 dB .774
    rigid motion of the whole outline too   22.45 dB .761    22.92 dB .774
    its similarity                          22.54 dB .763    22.97 dB .775
    affine map                              22.45 dB .761    22.90 dB .773
    upper half's similarity                 22.59 dB .764    23.02 dB .775
    and the rest fading (this)              22.62 dB .764    23.04 dB .776
    upper half's similarity alone           22.61 dB .763    23.03 dB .775

The exponent matters little with a similarity (2 to 16: within 0.01 dB).
"""

import numpy as np
from numpy.typing import NDArray

from shared.parameters import FloatArray

_NEAR = 0.05
"""Model units (about 3 mm) within which a proxy vertex takes its outline vertex's offset alone."""

_EXPONENT = 4

_FADE = 1.0
"""Model units over which what the similarity leaves falls to 1/e."""

_Float64Array = NDArray[np.float64]


def proxy_expression_basis(
    mean: FloatArray,
    expression_basis: FloatArray,
    proxy_vertices: FloatArray,
    outline: NDArray[np.int32],
) -> FloatArray:
    """(E, P, 3) float32: offsets of the proxy, model units a standard deviation.

    `mean` (V, 3), `expression_basis` (E, V, 3) and `proxy_vertices` (P, 3) in model units;
    `outline` (A,): the face vertices that the proxy shares.
    """
    places = mean[outline].astype(np.float64)
    proxy = proxy_vertices.astype(np.float64)
    offsets = expression_basis[:, outline].astype(np.float64)
    upper = places[:, 1] < 0.0
    centre = places[upper].mean(0) if upper.any() else np.zeros(3)
    motions = _similarities(places - centre)
    fitted = (
        offsets[:, upper].reshape(len(offsets), -1)
        @ np.linalg.pinv(motions[upper].reshape(-1, motions.shape[2])).T
    )
    of_head = np.einsum("pam,em->epa", _similarities(proxy - centre), fitted)
    left = offsets - np.einsum("pam,em->epa", motions, fitted)
    spread = np.einsum("pn,ena->epa", _spread(proxy, places), left)
    basis: FloatArray = (of_head + spread).astype(np.float32)
    return basis


def _similarities(points: _Float64Array) -> _Float64Array:
    """(N, 3, 7) how points (N, 3) move with three shifts, three small turns and a scale."""
    shifts = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    turns = np.cross(np.eye(3), points[:, None]).transpose(0, 2, 1)
    return np.concatenate([shifts, turns, points[:, :, None]], axis=2)


def _spread(points: _Float64Array, outline: _Float64Array) -> _Float64Array:
    """(P, A) weights of the outline's vertices; a row sums to 1 on it and to less away from it."""
    distances = np.linalg.norm(points[:, None] - outline, axis=2)
    weights = 1.0 / (distances + _NEAR) ** _EXPONENT
    weights /= weights.sum(1, keepdims=True)
    faded: _Float64Array = weights * np.exp(-distances.min(1, keepdims=True) / _FADE)
    return faded
