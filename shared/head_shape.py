"""A person's whole head, face and proxy, beside one reference: what its frames have in common."""

from dataclasses import dataclass

from shared.parameters import FaceParameters, FloatArray
from shared.projection import project


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
        basis = self.expression_basis.reshape(len(self.expression_basis), -1)
        offset = (parameters.expression @ basis).reshape(-1, 3)
        vertices = project(self.at_rest + offset, parameters.camera)
        proxy = vertices[-len(self.resting) :]
        proxy[:] = self.resting + (proxy - self.resting) * self.rigidity
        return vertices
