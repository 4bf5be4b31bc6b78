"""The 3D morphable face model: neutral shapes, expressions, projection and the head proxy.

    X = s R(r) (mean + U_id p_id + residual + U_exp p_exp) + t      (HeadGAN Eq. 1, appendix A)

`shared.parameters` states the axes, units and signs; `shared.face_model_file` the file.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.face_model_file import FaceModelFile, read_face_model_file
from shared.head_shape import HeadShape
from shared.parameters import FaceParameters, FloatArray, Identity, read_only
from shared.projection import project
from shared.proxy_expression import proxy_expression_basis

DEFAULT_PATH = Path(__file__).parent / "assets" / "face_model.npz"


class Region(IntEnum):
    """What a triangle shows. Left and right are the person's own."""

    SKIN = 0
    LIPS = 1
    MOUTH = 2
    """Fill of the mouth opening, between the inner lips."""
    LEFT_EYE = 3
    """Fill of the opening between the lids."""
    RIGHT_EYE = 4
    LEFT_IRIS = 5
    """Drawn only where an eye opening is frontmost: the tracker gives irises no depth."""
    RIGHT_IRIS = 6
    SKULL = 7
    EARS = 8
    HAIR = 9
    NECK = 10


class VertexGroup(IntEnum):
    """What a vertex belongs to; fits and benchmarks weigh and report by it."""

    SKIN = 0
    LIPS = 1
    LIDS = 2
    IRISES = 3


@dataclass(frozen=True, slots=True, eq=False)
class FaceModel:
    """Shapes of faces; immutable, safe to share between threads. V = 478, P proxy vertices."""

    mean: FloatArray
    """(V, 3) model units: centred, RMS vertex distance 1, symmetric about x = 0."""

    identity_basis: FloatArray
    """(40, V, 3), model units a standard deviation."""

    expression_basis: FloatArray
    """(28, V, 3), model units a standard deviation."""

    identity_mirror: NDArray[np.int8]
    """(40,) +1 symmetric, -1 antisymmetric under left-right mirroring."""

    expression_mirror: NDArray[np.int8]
    """(28,) likewise: the mirrored face has coefficients `expression_mirror * expression`."""

    mirror_vertices: NDArray[np.int32]
    """(V,) the vertex on the other side of the face; its own inverse."""

    triangles: NDArray[np.int32]
    """(906, 3): tessellation (852), mouth fill (18), eye openings (28), irises (8).

    A triangle that faces the viewer runs clockwise on the screen, so that
    (x1 - x0)(y2 - y0) - (y1 - y0)(x2 - x0) > 0 in image coordinates.
    """

    triangle_regions: NDArray[np.uint8]
    """(906,) `Region`."""

    vertex_groups: NDArray[np.uint8]
    """(V,) `VertexGroup`."""

    proxy_vertices: FloatArray
    """(P, 3) the rest of the head on the mean face, model units."""

    proxy_triangles: NDArray[np.int32]
    """(Tp, 3) into [V face vertices; P proxy vertices]; shares the outline's vertices."""

    proxy_regions: NDArray[np.uint8]
    """(Tp,) `Region`."""

    proxy_rigidity: FloatArray
    """(P,) 1 moves with the head, 0 stays where it is in the reference."""

    head_expression_basis: FloatArray
    """(28, V + P, 3) that of the face, then that of the proxy, model units a standard deviation;
    not in the file, the proxy's follows from the rest."""

    proxy_anchors: NDArray[np.int32]
    """(A,) face vertices whose extent scales the proxy to a person."""

    version: int
    digest: str
    """SHA-256 of the file, hex; both sides of a call compare it."""

    @classmethod
    def load(cls, path: Path | None = None) -> "FaceModel":
        """The project's own model, or one from a file of the same layout; the former is cached.

        Raises ArtifactError, saying what the file holds and what is expected.
        """
        return _load_default() if path is None else cls.from_file(read_face_model_file(path))

    @classmethod
    def from_file(cls, file: FaceModelFile) -> "FaceModel":
        """From arrays that were checked on reading."""
        arrays = file.arrays
        proxy_basis = proxy_expression_basis(
            arrays["mean"],
            arrays["expression_basis"],
            arrays["proxy_vertices"],
            arrays["proxy_anchors"],
        )
        return cls(
            **arrays,
            head_expression_basis=read_only(
                np.concatenate([arrays["expression_basis"], proxy_basis], axis=1), np.float32
            ),
            version=file.version,
            digest=file.digest,
        )

    def neutral(self, identity: Identity) -> FloatArray:
        """(V, 3) float32: the person's shape without expression, model units."""
        offset = np.tensordot(identity.coefficients, self.identity_basis, 1)
        residual = identity.residual.astype(np.float32) * np.float32(identity.residual_step)
        shape: FloatArray = self.mean + offset + residual
        return shape

    def shape(self, neutral: FloatArray, expression: FloatArray) -> FloatArray:
        """(V, 3) float32: `neutral` (V, 3) with an expression (28,), model units."""
        flat = expression @ self.expression_basis.reshape(len(self.expression_basis), -1)
        shape: FloatArray = neutral + flat.reshape(-1, 3)
        return shape

    def proxy(self, neutral: FloatArray) -> FloatArray:
        """(P, 3) float32: the proxy around a person's neutral (V, 3), model units, at rest.

        Scaled in width and height like the face's outline, in depth by the mean of both.
        """
        mean_anchors, anchors = self.mean[self.proxy_anchors], neutral[self.proxy_anchors]
        mean_centre, centre = mean_anchors.mean(0), anchors.mean(0)
        spread = mean_anchors - mean_centre
        scale = np.ones(3, np.float32)
        scale[:2] = (np.sum(spread * (anchors - centre), 0) / np.sum(spread * spread, 0))[:2]
        scale[2] = scale[:2].mean()
        proxy: FloatArray = (self.proxy_vertices - mean_centre) * scale + centre
        return proxy

    def vertices(self, neutral: FloatArray, parameters: FaceParameters) -> FloatArray:
        """(V, 3) float32 image coordinates of one frame of the person with that `neutral`."""
        return project(self.shape(neutral, parameters.expression), parameters.camera)

    def head(self, neutral: FloatArray, reference_camera: FloatArray) -> HeadShape:
        """The head of the person with that `neutral` (V, 3) beside a reference with that camera.

        The neck is blended towards its place at rest in the reference. A reference's own vertices
        are those of its parameters and its camera: they and a frame that repeats it coincide.
        """
        proxy = self.proxy(neutral)
        return HeadShape(
            at_rest=np.concatenate([neutral, proxy]).astype(np.float32),
            expression_basis=self.head_expression_basis,
            resting=project(proxy, reference_camera),
            rigidity=self.proxy_rigidity[:, np.newaxis],
        )


@lru_cache(maxsize=1)
def _load_default() -> FaceModel:
    return FaceModel.from_file(read_face_model_file(DEFAULT_PATH))
