import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.reference_set import (
    CROSS_FADE_NS,
    ReferenceSelector,
    pose_expression_distance,
    pose_expression_embedding,
)
from tests.faces import face_parameters, face_reference

LEFT, FRONT, RIGHT = (face_parameters(rotation=(0, angle, 0)) for angle in (-0.6, 0.0, 0.6))
REFERENCES = [
    face_reference(parameters, reference_id=number)
    for number, parameters in enumerate((LEFT, FRONT, RIGHT))
]
MS = 1_000_000


def test_distance_is_in_pixels_of_256() -> None:
    moved = face_parameters(translation=(10 / 128, 0))
    assert pose_expression_distance(FRONT, moved) == pytest.approx(4.5, rel=1e-3)
    assert pose_expression_distance(FRONT, FRONT) == 0


def test_turns_and_expressions_count() -> None:
    turned = [face_parameters(rotation=(0, angle, 0)) for angle in (0.1, 0.3, 0.6)]
    distances = [pose_expression_distance(FRONT, each) for each in turned]
    assert distances == sorted(distances)
    assert distances[0] > 1
    assert pose_expression_distance(FRONT, face_parameters(expression={0: 2.0})) > 0.5


@settings(max_examples=20, deadline=None)
@given(seeds=st.tuples(*[st.integers(0, 1000)] * 3))
def test_it_is_a_metric(seeds: tuple[int, int, int]) -> None:
    a, b, c = (
        face_parameters(
            rotation=tuple(np.random.default_rng(seed).normal(size=3) * 0.4),
            translation=tuple(np.random.default_rng(seed + 1).normal(size=2) * 0.1),
            expression={1: float(np.random.default_rng(seed + 2).normal())},
        )
        for seed in seeds
    )
    ab, bc, ac = (pose_expression_distance(*pair) for pair in ((a, b), (b, c), (a, c)))
    assert ab == pytest.approx(pose_expression_distance(b, a))
    assert ac <= ab + bc + 1e-4
    embedded = np.linalg.norm(pose_expression_embedding(a) - pose_expression_embedding(b))
    assert ab == pytest.approx(embedded, rel=1e-5)


def test_the_nearest_is_shown_at_once() -> None:
    selector = ReferenceSelector()
    assert selector.choose(RIGHT, REFERENCES, 0) == [(2, 1.0)]


def test_no_references() -> None:
    selector = ReferenceSelector()
    assert selector.choose(FRONT, [], 0) == []
    assert selector.choose(FRONT, REFERENCES, 0) == [(1, 1.0)]


def test_a_clearly_nearer_one_is_faded_in() -> None:
    selector = ReferenceSelector()
    selector.choose(LEFT, REFERENCES, 0)
    assert selector.choose(FRONT, REFERENCES, 40 * MS) == [(0, 1.0)]  # the fade begins here
    half = selector.choose(FRONT, REFERENCES, 40 * MS + CROSS_FADE_NS // 2)
    assert [number for number, _ in half] == [0, 1]
    assert half[1][1] == pytest.approx(0.5)
    assert selector.choose(FRONT, REFERENCES, 40 * MS + CROSS_FADE_NS) == [(1, 1.0)]
    assert 160 * MS <= CROSS_FADE_NS <= 200 * MS


def test_weights_grow_and_sum_to_one() -> None:
    selector = ReferenceSelector()
    selector.choose(LEFT, REFERENCES, 0)
    last = 0.0
    for step in range(1, 8):
        shown = dict(selector.choose(FRONT, REFERENCES, step * 40 * MS))
        assert sum(shown.values()) == pytest.approx(1)
        assert all(0 < weight <= 1 for weight in shown.values())
        assert shown.get(1, 0.0) >= last
        last = shown.get(1, 0.0)
    assert last == 1


def test_noise_at_the_middle_between_two_does_not_flicker() -> None:
    selector = ReferenceSelector()
    rng = np.random.default_rng(0)
    shown = set()
    for step in range(300):
        angle = -0.3 + 0.01 * rng.normal()
        choice = selector.choose(
            face_parameters(rotation=(0, angle, 0)), REFERENCES, step * 40 * MS
        )
        shown |= {number for number, _ in choice}
    assert len(shown) == 1


def test_no_third_one_enters_a_fade() -> None:
    selector = ReferenceSelector()
    selector.choose(LEFT, REFERENCES, 0)
    selector.choose(FRONT, REFERENCES, 40 * MS)
    during = selector.choose(RIGHT, REFERENCES, 80 * MS)
    assert [number for number, _ in during] == [0, 1]
    after = selector.choose(RIGHT, REFERENCES, 40 * MS + CROSS_FADE_NS)
    assert after == [(1, 1.0)]
    assert selector.choose(RIGHT, REFERENCES, 500 * MS)[-1] == (2, 1.0)


def test_a_reference_that_is_gone_is_left_at_once() -> None:
    selector = ReferenceSelector()
    selector.choose(LEFT, REFERENCES, 0)
    assert selector.choose(LEFT, REFERENCES[1:], 40 * MS) == [(1, 1.0)]
    # So is one that was being faded out.
    selector.choose(RIGHT, REFERENCES[1:], 80 * MS)
    assert selector.choose(RIGHT, REFERENCES[2:], 120 * MS) == [(2, 1.0)]


def test_a_replaced_reference_is_judged_by_its_own_parameters() -> None:
    selector = ReferenceSelector()
    selector.choose(FRONT, REFERENCES, 0)
    replaced = [face_reference(FRONT, reference_id=0), face_reference(LEFT, reference_id=1)]
    later = selector.choose(FRONT, replaced, 40 * MS + CROSS_FADE_NS)
    assert later == [(1, 1.0)]
    assert selector.choose(FRONT, replaced, 900 * MS) == [(0, 1.0)]
