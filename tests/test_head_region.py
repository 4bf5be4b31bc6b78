import numpy as np
import pytest

from benchmarks.head_region import HeadRegion, face_mask
from shared.face_model import FaceModel
from tests.faces import MEAN_IDENTITY, face_parameters, face_reference

MODEL = FaceModel.load()
SIZE = 128


def test_a_hull_covers_the_pixels_whose_centres_it_holds() -> None:
    corners = np.array([[20, 30], [60, 30], [60, 90], [20, 90], [40, 50]], np.float32)
    mask = face_mask(corners, SIZE)
    assert mask.sum() == pytest.approx(40 * 60, rel=0.05)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), columns.min()) == (30, 20)


def test_the_head_holds_the_face_and_follows_it_but_leaves_the_neck_out() -> None:
    rest = face_parameters(scale=0.3)
    region = HeadRegion(MODEL, face_reference(rest))
    head = region.mask(rest, SIZE)
    points = (MODEL.vertices(MODEL.neutral(MEAN_IDENTITY), rest) + 1) * (SIZE / 2)
    face = face_mask(points, SIZE)
    assert (face & ~head).sum() <= 0.01 * face.sum()
    assert head.sum() > 1.3 * face.sum()
    chin = int(points[:, 1].max())
    assert head[chin + 6 :].sum() < 0.05 * head.sum()
    aside = region.mask(face_parameters(scale=0.3, translation=(0.25, 0)), SIZE)
    assert (np.roll(head, 16, axis=1) ^ aside).sum() < 0.02 * head.sum()
