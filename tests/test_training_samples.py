"""Samples of training: geometry of changed pictures, choice of frames, repeatability."""

import numpy as np
import pytest

from export.training.face_alignment import alignment
from export.training.pictures import PictureChange, degrade_reference
from export.training.sampling import Sample, SampleMaker, SampleShape, choose_frames, mirror
from shared.channel import ALL_CHANNELS, Channel
from shared.face_model import FaceModel
from shared.reference_set import pose_expression_distance
from tests.prepared import prepared_clip

MODEL = FaceModel.load()
SHAPE = SampleShape(ALL_CHANNELS, 64, 0, drivings=2)


def maker(*, stills: int = 0, shape: SampleShape = SHAPE, seed: int = 5) -> SampleMaker:
    clips = [] if stills == 2 else [prepared_clip("walk", 8)]
    clips += [prepared_clip(f"still{n}", 1, seed=n) for n in range(stills)]
    return SampleMaker(clips, MODEL, shape, seed=seed)


def same(a: Sample, b: Sample) -> bool:
    names = ("reference", "own_conditions", "targets", "conditions", "alignments", "mouths")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("stills", [0, 1, 2])
def test_a_sample_is_a_function_of_seed_and_number(stills: int) -> None:
    first, second = maker(stills=stills), maker(stills=stills)
    second.make(3, 0.5)  # what was made before changes nothing
    assert same(first.make(7, 0.5), second.make(7, 0.5))
    assert not same(first.make(7, 0.5), first.make(8, 0.5))
    assert not same(first.make(7, 0.5), maker(stills=stills, seed=6).make(7, 0.5))


def test_samples_have_the_shapes_that_a_network_takes() -> None:
    shape = SampleShape((Channel.PNCC,), 128, 2, drivings=3)
    sample = maker(stills=1, shape=shape).make(0, 0.0)
    assert sample.reference.shape == (256, 256, 3)
    assert sample.own_conditions.shape == (3, 128, 128)
    assert sample.targets.shape == (3, 256, 256, 3)
    assert sample.conditions.shape == (3, 3, 128, 128)
    assert sample.past_pncc.shape == (3, 6, 128, 128)
    assert sample.alignments.shape == (3, 2, 3)
    assert sample.mouths.shape == (3, 2)


def test_a_mirrored_frame_mirrors_its_vertices() -> None:
    clip = prepared_clip("walk", 3)
    neutral, frame = MODEL.neutral(clip.person(0)), clip.driving(0, 2)
    flip = np.array([-1, 1, 1], np.float32)
    mirrored_neutral = neutral[MODEL.mirror_vertices] * flip
    expected = MODEL.vertices(neutral, frame)[MODEL.mirror_vertices] * flip
    found = MODEL.vertices(mirrored_neutral, mirror(MODEL, frame))
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("seed", range(12))
def test_pictures_and_points_change_alike(seed: int) -> None:
    """A bright spot lies where its point is moved to, mirrored or not."""
    change = PictureChange(np.random.default_rng(seed))
    place = np.array([[0.1, -0.2, 0.0]], np.float32)
    y, x = np.mgrid[:256, :256]
    column, row = (place[0, :2] + 1) * 128 - 0.5
    spot = (250 * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 40)).astype(np.uint8)
    changed = change.picture(np.repeat(spot[..., None], 3, 2)).astype(float)[..., 1]
    changed[changed < 0.3 * changed.max()] = 0
    centre = np.array([(changed * (x + 0.5)).sum(), (changed * (y + 0.5)).sum()]) / changed.sum()
    flip = np.array([-1 if change.mirrored else 1, 1, 1], np.float32)
    expected = (change.zoomed(place * flip)[0, :2] + 1) * 128
    np.testing.assert_allclose(centre, expected, atol=0.6)


def test_a_reference_is_degraded_but_stays_itself() -> None:
    image = prepared_clip("walk", 1).image(0)
    for seed in range(6):
        degraded = degrade_reference(image, np.random.default_rng(seed))
        assert degraded.shape == image.shape
        assert np.abs(degraded.astype(int) - image).mean() < 12


def test_nearest_frames_are_drawn_from_their_reference() -> None:
    clip = prepared_clip("walk", 40)
    rng = np.random.default_rng(1)
    gaps: dict[float, list[float]] = {0.0: [], 1.0: []}
    for progress, found in gaps.items():
        for _ in range(60):
            reference, drivings = choose_frames(clip, 0, 2, progress, rng)
            assert len(drivings) == 2
            found += [
                pose_expression_distance(clip.driving(0, one), clip.driving(0, reference))
                for one in drivings
            ]
    assert np.mean(gaps[1.0]) > 1.1 * np.mean(gaps[0.0])


def test_an_aligned_face_has_its_points_where_the_network_wants_them() -> None:
    points = np.zeros((478, 2), np.float32)
    wanted = [[30.29, 51.70], [65.53, 51.50], [48.03, 71.74], [33.55, 92.37], [62.73, 92.20]]
    turn = np.array([[0.8, -0.3], [0.3, 0.8]]) / 128
    points[[468, 473, 1, 61, 291]] = (np.array(wanted) + 0.5) @ turn.T + [0.1, -0.4]
    transform = alignment(points)
    corner = 2 * (np.array(wanted) + 0.5) / [96, 112] - 1
    found = corner @ transform[:, :2].T + transform[:, 2]
    np.testing.assert_allclose(found, points[[468, 473, 1, 61, 291]], atol=1e-5)
