"""Statistics of tracked faces: mean shape, identity and expression bases.

Every frame is aligned to the mean (`export.procrustes`) together with its mirror image, so the
mean is symmetric and each component either symmetric or antisymmetric. Identity is what the means
of clips do, expression what the frames of a clip do around their mean. Each person counts once
in the former, each clip once in the latter, however long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.head_proxy import build_head_proxy
from export.mesh_topology import INNER_LIPS, OUTER_LIPS, MeshTopology, mesh_topology
from export.procrustes import align
from shared.face_model import VertexGroup
from shared.fitting import GROUP_WEIGHTS
from shared.parameters import EXPRESSION_SIZE, IDENTITY_SIZE, VERTEX_COUNT
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

Float64Array = NDArray[np.float64]

_ROUNDS = 4
_IDENTITY_DEPTH_WEIGHT = 0.3
_EXPRESSION_DEPTH_WEIGHT = 0.1
_NO_VARIANCE = 1e-12
_FLIP_X = np.array([-1.0, 1.0, 1.0])
_LOWER_LIP_MIDDLE, _UPPER_LIP_MIDDLE = 14, 13


@dataclass(frozen=True, slots=True, eq=False)
class TrackedClip:
    """Landmarks of one clip of one person."""

    identity: str
    points: NDArray[np.float32]
    """(F, 478, 3) image coordinates, F >= 1."""


def build_face_model(clips: Sequence[TrackedClip]) -> Mapping[str, np.ndarray]:
    """The arrays of a face model file (`shared.face_model_file`) from tracked clips."""
    topology = mesh_topology()
    weights = np.array([GROUP_WEIGHTS[VertexGroup(group)] for group in topology.vertex_groups])
    weights /= weights.sum()
    points = np.concatenate([clip.points for clip in clips]).astype(np.float64)
    clip_of = np.repeat(np.arange(len(clips)), [len(clip.points) for clip in clips])
    mean, shapes = _procrustes(points, clip_of, weights, topology)

    clip_means = _clip_means(shapes, clip_of)
    names = [clip.identity for clip in clips]
    person_weights = np.array([1.0 / names.count(name) for name in names])
    identity_basis, identity_mirror = _components(
        clip_means - mean,
        person_weights / person_weights.sum(),
        weights[:, None] * (1.0, 1.0, _IDENTITY_DEPTH_WEIGHT),
        IDENTITY_SIZE,
        topology,
    )
    frame_weights = 1.0 / np.bincount(clip_of)[clip_of]
    expression_basis, expression_mirror = _components(
        shapes - clip_means[clip_of],
        frame_weights / frame_weights.sum(),
        weights[:, None] * (1.0, 1.0, _EXPRESSION_DEPTH_WEIGHT),
        EXPRESSION_SIZE,
        topology,
    )
    proxy = build_head_proxy(mean)
    return {
        "mean": mean.astype(np.float32),
        "identity_basis": identity_basis.astype(np.float32),
        "expression_basis": expression_basis.astype(np.float32),
        "identity_mirror": identity_mirror,
        "expression_mirror": expression_mirror,
        "mirror_vertices": topology.mirror_vertices,
        "triangles": topology.triangles,
        "triangle_regions": topology.regions,
        "vertex_groups": topology.vertex_groups,
        "proxy_vertices": proxy.vertices.astype(np.float32),
        "proxy_triangles": proxy.triangles,
        "proxy_regions": proxy.regions,
        "proxy_rigidity": proxy.rigidity.astype(np.float32),
        "proxy_anchors": proxy.anchors,
    }


def mirrored(shapes: Float64Array, topology: MeshTopology) -> Float64Array:
    """Mirror images (..., V, 3) of shapes in model axes, vertices renamed to their partners."""
    return shapes[..., topology.mirror_vertices, :] * _FLIP_X


def _procrustes(
    points: Float64Array, clip_of: NDArray[np.intp], weights: Float64Array, topology: MeshTopology
) -> tuple[Float64Array, Float64Array]:
    """Mean shape (V, 3) and the frames' shapes (N, V, 3) in model axes."""
    centred = points - points.mean(1, keepdims=True)
    sizes = np.sqrt(np.mean(np.sum(centred * centred, 2), 1))
    # Faces look at the camera on average, so the plain mean is frontal enough to start from.
    mean = _normalised(_clip_means(centred / sizes[:, None, None], clip_of).mean(0), topology)
    for _ in range(_ROUNDS):
        alignment = align(points, mean[None], weights)
        shapes = alignment.to_model(points)
        pitch = np.array([rotation_vector_from_matrix(r)[0] for r in alignment.rotation])
        turn = _clip_means(pitch[:, None], clip_of).mean() * np.array([1.0, 0.0, 0.0])
        mean = _clip_means(shapes, clip_of).mean(0) @ matrix_from_rotation_vector(turn).T
        mean = _normalised(mean, topology)
    # Once more, so that the shapes lie as the final mean does.
    return mean, align(points, mean[None], weights).to_model(points)


def _normalised(shape: Float64Array, topology: MeshTopology) -> Float64Array:
    """Symmetric, centred, RMS vertex distance 1."""
    symmetric = (shape + mirrored(shape, topology)) / 2.0
    symmetric -= symmetric.mean(0)
    return symmetric / np.sqrt(np.mean(np.sum(symmetric * symmetric, 1)))


def _clip_means(values: Float64Array, clip_of: NDArray[np.intp]) -> Float64Array:
    counts = np.bincount(clip_of)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(values, starts)
    return sums / counts.reshape(-1, *[1] * (values.ndim - 1))


def _components(
    offsets: Float64Array,
    sample_weights: Float64Array,
    metric: Float64Array,
    count: int,
    topology: MeshTopology,
) -> tuple[Float64Array, NDArray[np.int8]]:
    """The `count` strongest principal components (count, V, 3) and their mirror signs.

    With mirror images added, the covariance splits into that of the symmetric and that of the
    antisymmetric parts; the strongest of both are taken in order of their variance under
    `metric` (V, 3). A component's scale is one standard deviation of the samples.

    Signs: a positive symmetric component opens the mouth, a positive antisymmetric one moves
    the lips towards the person's left (+x).
    """
    root = np.sqrt(metric).reshape(-1)
    found: list[tuple[float, int, Float64Array]] = []
    for mirror in (1, -1):
        part = (offsets + mirror * mirrored(offsets, topology)) / 2.0
        scaled = part.reshape(len(part), -1) * (root * np.sqrt(sample_weights)[:, None])
        for deviation, vector in _principal_axes(scaled, count):
            component = (vector * deviation / root).reshape(VERTEX_COUNT, 3)
            found.append((deviation, mirror, component * _sign(component, mirror)))
    found.sort(key=lambda item: -item[0])
    # Fewer samples than components leave the last ones without effect.
    basis = np.zeros((count, VERTEX_COUNT, 3))
    signs = np.ones(count, np.int8)
    for index, (_, mirror, component) in enumerate(found[:count]):
        basis[index], signs[index] = component, mirror
    return basis, signs


def _principal_axes(scaled: Float64Array, count: int) -> list[tuple[float, Float64Array]]:
    """Up to `count` standard deviations and unit vectors of the rows, the strongest first."""
    rows, columns = scaled.shape
    if rows > columns:
        variances, vectors = np.linalg.eigh(scaled.T @ scaled)
    else:
        variances, left = np.linalg.eigh(scaled @ scaled.T)
        vectors = scaled.T @ left / np.sqrt(np.maximum(variances, _NO_VARIANCE))
    strongest = [i for i in np.argsort(-variances)[:count] if variances[i] > _NO_VARIANCE]
    return [(float(np.sqrt(variances[i])), vectors[:, i]) for i in strongest]


def _sign(component: Float64Array, mirror: int) -> float:
    if mirror > 0:
        effect = component[_LOWER_LIP_MIDDLE, 1] - component[_UPPER_LIP_MIDDLE, 1]
    else:
        effect = component[[*INNER_LIPS, *OUTER_LIPS], 0].sum()
    return 1.0 if effect >= 0.0 else -1.0
