"""A person's whole head, face and proxy, beside one reference: what its frames have in common."""

from dataclasses import dataclass

from numba import njit

from shared.parameters import FaceParameters, FloatArray
from shared.projection import scaled_rotation


@dataclass(frozen=True, slots=True, eq=False)
class HeadShape:
    """Made by `FaceModel.head`. V face vertices, then P of the proxy."""

    at_rest: FloatArray
    """(V + P, 3) float32 without expression, model units."""

    expression_basis: FloatArray
    """(28, V + P, 3) model units a standard deviation."""

    resting: FloatArray
    """(P, 3) image coordinates of the proxy at rest in the reference."""

    rigidity: FloatArray
    """(P, 1) 1 moves with the head, 0 stays where it is in the reference."""

    def vertices(self, parameters: FaceParameters) -> FloatArray:
        """(V + P, 3) float32 image coordinates of one frame.

        The proxy moves with the camera and with what of the expression is motion of the head or
        of the face's outline (`shared.proxy_expression`).
        """
        vertices = self.at_rest.copy()
        _move(
            vertices,
            parameters.expression,
            self.expression_basis,
            scaled_rotation(parameters.camera),
            parameters.camera[4:7],
            self.resting,
            self.rigidity,
        )
        return vertices


@njit(cache=True)
def _move(vertices, expression, basis, rotation, translation, resting, rigidity):  # type: ignore[no-untyped-def]
    """From shapes at rest to image coordinates, in place. One call keeps Python's lock where a
    dozen of numpy's would give it up each."""
    for k in range(len(expression)):
        weight = expression[k]
        for n in range(len(vertices)):
            for c in range(3):
                vertices[n, c] += weight * basis[k, n, c]
    faces = len(vertices) - len(resting)
    for n in range(len(vertices)):
        x, y, z = vertices[n, 0], vertices[n, 1], vertices[n, 2]
        for c in range(3):
            place = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z + translation[c]
            if n >= faces:
                rest = resting[n - faces, c]
                place = rest + (place - rest) * rigidity[n - faces, 0]
            vertices[n, c] = place
