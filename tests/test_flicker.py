import numpy as np
import pytest

from benchmarks.flicker import FlickerMeter
from shared.parameters import Image
from tests.faces import textured_image

INSIDE = np.zeros((256, 256), np.bool_)
INSIDE[24:-24, 24:-24] = True


def grey(level: int) -> Image:
    return np.full((256, 256, 3), level, np.uint8)


def test_a_flash_is_measured_in_levels() -> None:
    meter = FlickerMeter()
    assert meter.measure([grey(100), grey(110), grey(100)], INSIDE) == pytest.approx(20, abs=1e-3)
    assert meter.measure([grey(100), grey(105), grey(110)], INSIDE) == pytest.approx(0, abs=1e-3)
    assert np.isnan(meter.measure([grey(1)] * 3, np.zeros((256, 256), np.bool_)))


def test_motion_is_no_flicker_but_boiling_is() -> None:
    texture = textured_image(512, seed=3)
    rng = np.random.default_rng(0)
    window = [texture[100 + 2 * t : 356 + 2 * t, 80 + 3 * t : 336 + 3 * t] for t in (0, 1, 2)]
    meter = FlickerMeter()
    steady = meter.measure(window, INSIDE)
    unmoved = [picture.astype(float) for picture in window]
    plain = np.abs(unmoved[0] - 2 * unmoved[1] + unmoved[2])[INSIDE].mean()
    assert steady < 0.4
    blotches = [np.kron(rng.normal(0, 3, (32, 32, 1)), np.ones((8, 8, 1))) for _ in window]
    restless = [
        np.asarray((picture + blotch).clip(0, 255), np.uint8)
        for picture, blotch in zip(window, blotches, strict=True)
    ]
    assert meter.measure(restless, INSIDE) > 10 * steady
    # Without motion compensation the same blotches would hardly show.
    changed = np.abs(restless[0].astype(float) - 2.0 * restless[1] + restless[2])[INSIDE].mean()
    assert changed / plain < meter.measure(restless, INSIDE) / steady


def test_parts_may_move_apart() -> None:
    texture = textured_image(512, seed=3)
    pictures = []
    for shift in (0, 4, 8):
        picture = texture[100:356, 100:356].copy()
        picture[:, :128] = texture[100:356, 100 + shift : 228 + shift]
        picture[:, 128:] = texture[100:356, 228 - shift : 356 - shift]
        pictures.append(picture)
    apart = INSIDE.copy()
    apart[:, 88:168] = False
    assert FlickerMeter().measure(pictures, apart) < 0.5


def test_only_the_mask_counts() -> None:
    outside = grey(100)
    outside[:10] = 255
    meter = FlickerMeter()
    assert meter.measure([grey(100), outside, grey(100)], INSIDE) == pytest.approx(0, abs=1e-3)
