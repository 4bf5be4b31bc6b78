"""The measured flow: finds motion, prefers the mesh where that is right, distrusts the rest."""

import cv2
import numpy as np
import pytest

from export.training.flow_teacher import TEACHER_SIZE, FlowTeacher
from shared.parameters import Image


def texture(seed: int) -> Image:
    """(256, 256, 3) blobs of 8 to 30 pixels."""
    rng = np.random.default_rng(seed)
    noise = np.zeros((256, 256), np.float32)
    for sigma in (3.0, 8.0):
        blobs = cv2.GaussianBlur(rng.normal(size=noise.shape).astype(np.float32), (0, 0), sigma)
        noise += np.float32(sigma) * np.asarray(blobs, np.float32)
    levels = 255 * (noise - noise.min()) / np.ptp(noise)
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def still_mesh() -> np.ndarray:
    return np.zeros((2, TEACHER_SIZE, TEACHER_SIZE), np.float32)


@pytest.mark.parametrize("shift", [(8, 0), (0, -6), (5, 7)])
def test_a_shift_is_found_in_sign_and_size(shift: tuple[int, int]) -> None:
    reference = texture(0)
    # The target at (x, y) shows what the reference shows at (x, y) + shift.
    target = np.roll(reference, (-shift[1], -shift[0]), axis=(0, 1))
    x, y, trust = FlowTeacher().measure(reference, target, still_mesh())
    inside = (slice(8, -8),) * 2
    assert np.median(x[inside]) * 128 == pytest.approx(shift[0], abs=0.5)
    assert np.median(y[inside]) * 128 == pytest.approx(shift[1], abs=0.5)
    assert trust[inside].mean() > 0.6


def test_a_mesh_that_is_right_is_returned_as_it_is() -> None:
    reference = texture(1)
    mesh = still_mesh()
    mesh[0] = 10 / 128
    flow = FlowTeacher().measure(reference, np.roll(reference, -10, axis=1), mesh)
    inside = (slice(8, -8),) * 2
    np.testing.assert_allclose(flow[0][inside], mesh[0][inside], atol=1e-6)
    assert flow[2][inside].mean() > 0.9


def test_what_the_reference_does_not_show_is_not_trusted() -> None:
    reference, target = texture(2), texture(2)
    target[64:192, 64:192] = texture(3)[64:192, 64:192]
    trust = FlowTeacher().measure(reference, target, still_mesh())[2]
    assert trust[24:40, 24:40].mean() < 0.5 * trust[:10].mean()
