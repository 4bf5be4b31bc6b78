"""A flow summed up as one affine map of the picture."""

import torch
from torch import Tensor, nn

from export.networks.warping import pixel_centres


class AffineMotion(nn.Module):
    """The head's motion as one affine map of the picture, wherever the head is or is not.

    Hair, neck and shoulders follow the head more than the mesh's displacement, which fades a few
    cells beyond it, can say.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        x, y = pixel_centres(side, torch.get_default_device()).flatten(2)[0]
        one = torch.ones_like(x)
        self.basis: Tensor
        self.products: Tensor
        self.register_buffer("basis", torch.stack([x, y, one]), persistent=False)
        self.register_buffer(
            "products", torch.stack([x * x, x * y, y * y, x, y, one]), persistent=False
        )
        self._side = side

    def forward(self, flow: Tensor, weight: Tensor) -> Tensor:
        """The affine flow (B, 2, h, h) nearest to flow (B, 2, h, h) under weight (B, 1, h, h).

        Least squares by the normal equations' cofactors, which any runtime can compute; a little
        damping makes it no motion where nothing is weighed.
        """
        # Sums, not matrix products: those would run in bfloat16 under autocast.
        cells = self._side**2
        weight = weight.float().reshape(-1, 1, cells)
        weight = weight / (weight.sum(2, keepdim=True) + 1.0)
        xx, xy, yy, sx, sy, n = (weight * self.products).sum(2).unbind(1)
        xx, yy, n = xx + 1e-3, yy + 1e-3, n + 1e-6
        weighted = flow.float().reshape(-1, 2, 1, cells) * weight[:, :, None]
        right = (weighted * self.basis).sum(3)  # (B, 2, 3)
        a, b, c = yy * n - sy * sy, sx * sy - xy * n, xy * sy - yy * sx
        d, e, f = xx * n - sx * sx, xy * sx - xx * sy, xx * yy - xy * xy
        determinant = (xx * a + xy * b + sx * c).clamp(min=1e-9)
        inverse = torch.stack([a, b, c, b, d, e, c, e, f], 1).reshape(-1, 1, 3, 3)
        coefficients = (right[:, :, None] * inverse).sum(3) / determinant[:, None, None]
        return (coefficients[..., None] * self.basis).sum(2).reshape(-1, 2, self._side, self._side)
