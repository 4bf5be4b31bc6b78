"""From pictures to parameters and references, on the portrait and on a real call."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from sender.analysis import Analysis, FaceAnalyser
from sender.byte_budget import WINDOW_BYTES
from sender.crop_image import crop_image
from sender.frame_quality import FrameQuality, measure_quality
from sender.portrait import MovedPortrait
from sender.reference_encoder import CONFIRMATION_NS
from shared.control_message import FaceState
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer, PreparedReference
from shared.generator import load_generator
from shared.metrics import Metrics
from shared.parameters import Crop, Image, Reference
from shared.tracker import FaceTracker
from tests.material import call_clip, clip_frames

FRAME_NS = 40_000_000


@pytest.fixture(scope="module")
def portrait() -> MovedPortrait:
    return MovedPortrait()


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    return FaceTracker()


class Call:
    """An analyser and a receiver that holds what it is sent at once."""

    def __init__(self, tracker: FaceTracker, *, holds: bool = True) -> None:
        tracker.reset()
        self.metrics = Metrics()
        self.analyser = FaceAnalyser(FaceModel.load(), tracker, metrics=self.metrics)
        self.references: list[Reference] = []
        self.picture_bytes = 0
        self.time_ns = 1_000_000_000
        self._holds = holds

    def show(self, image: Image) -> Analysis:
        ticks = self.time_ns * 9 // 100_000
        analysis = self.analyser.analyse(image, ticks, self.time_ns)
        self.time_ns += FRAME_NS
        if analysis.reference is not None:
            reference = analysis.reference.reference
            self.references.append(reference)
            self.picture_bytes += len(analysis.reference.picture.data)
            if self._holds:
                self.analyser.reference_held(reference.set_id, reference.reference_id)
        return analysis


def on_canvas(picture: Image, x: int, y: int, width: int = 640, height: int = 480) -> Image:
    """A camera's frame with the portrait somewhere in it."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    canvas[y : y + 256, x : x + 256] = picture
    return canvas


def test_the_portrait_is_tracked_frame_by_frame_in_its_own_crop(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    call = Call(tracker)
    angles, seen = [], []
    for index in range(0, 200, 2):
        analysis = call.show(portrait.render(index))
        assert analysis.state is FaceState.TRACKED
        assert analysis.crop == Crop(x=0, y=0, size=256)
        assert analysis.set_id == 0
        assert analysis.parameters is not None
        angles.append(analysis.parameters.rotation[1])
        seen.append(portrait.parameters(index).rotation[1])
    # The head turns as the recorded motion says.
    assert np.corrcoef(angles, seen)[0, 1] > 0.95
    assert 1 <= len(call.references) <= 4
    assert call.references[0].reference_id == 0
    assert call.picture_bytes + 2000 <= WINDOW_BYTES


def test_the_portraits_motion_closes_its_loop(portrait: MovedPortrait) -> None:
    steps = [
        np.abs(
            portrait.parameters(index).vector
            - portrait.parameters((index + 1) % portrait.frame_count).vector
        ).max()
        for index in range(portrait.frame_count)
    ]
    assert steps[-1] <= 1.5 * np.percentile(steps, 95)


def test_references_are_exact_and_what_the_other_side_decodes(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    call = Call(tracker)
    picture = portrait.render(0)
    call.show(picture)
    reference = call.references[0]
    assert 1_000 < call.picture_bytes <= 4_000
    assert reference.image.shape == (256, 256, 3)
    error = np.mean((reference.image.astype(float) - picture) ** 2)
    assert 10 * np.log10(255**2 / error) > 30
    model = FaceModel.load()
    vertices = model.vertices(model.neutral(reference.identity), reference.parameters)
    tracker.reset()
    points = crop_points(tracker, picture)
    assert np.abs(vertices[:, :2] - points[:, :2]).max() * 128 < 0.5


def crop_points(tracker: FaceTracker, picture: Image) -> np.ndarray:
    crop = Crop(x=0, y=0, size=256)
    return crop.to_image(tracker.track(picture)[0].points.copy())


def test_a_head_that_moves_away_gets_a_new_set_once_the_other_side_holds_it(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    call = Call(tracker, holds=False)
    for index in range(10):
        call.show(on_canvas(portrait.render(index), 10, 100))
    first = call.references[0]
    call.analyser.reference_held(0, first.reference_id)
    for index in range(10, 60):
        analysis = call.show(on_canvas(portrait.render(index), 370, 100))
        assert analysis.set_id == 0  # the old crop goes on: the new reference is not held
        assert analysis.crop == first.crop
    second = next(reference for reference in call.references if reference.set_id == 1)
    assert second.crop != first.crop
    assert second.reference_id == 0
    call.analyser.reference_held(1, 0)
    analysis = call.show(on_canvas(portrait.render(60), 370, 100))
    assert analysis.set_id == 1
    assert analysis.crop == second.crop
    assert analysis.parameters is not None
    assert np.abs(analysis.parameters.translation).max() < 0.3


def test_a_new_set_that_never_arrives_is_sent_once_more(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    call = Call(tracker, holds=False)
    call.show(on_canvas(portrait.render(0), 10, 100))
    call.analyser.reference_held(0, 0)
    for index in range(30):
        call.show(on_canvas(portrait.render(index), 370, 100))
    assert [reference.set_id for reference in call.references] == [0, 1]
    call.time_ns += CONFIRMATION_NS
    for index in range(30, 36):
        call.show(on_canvas(portrait.render(index), 370, 100))
    assert [reference.set_id for reference in call.references] == [0, 1, 2]
    call.analyser.reference_held(2, 0)
    assert call.show(on_canvas(portrait.render(36), 370, 100)).set_id == 2


def test_references_stop_when_the_budget_is_spent(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    call = Call(tracker)
    for turn in range(5):  # a head that jumps to and fro wants a new set each time
        for index in range(16):
            x = 10 if turn % 2 else 370
            call.show(on_canvas(portrait.render(turn * 16 + index), x, 100))
    spent = call.picture_bytes + 100 * len(call.references)
    assert spent <= WINDOW_BYTES
    assert call.metrics.snapshot().counters["references_deferred", "budget"] > 0


def test_a_lost_face_is_told_and_found_again(portrait: MovedPortrait, tracker: FaceTracker) -> None:
    call = Call(tracker)
    for index in range(5):
        assert call.show(portrait.render(index)).parameters is not None
    gray = np.full((256, 256, 3), 120, np.uint8)
    lost = [call.show(gray) for _ in range(15)]
    assert all(analysis.parameters is None for analysis in lost)
    assert lost[0].state is FaceState.TRACKED  # debounced
    assert lost[-1].state is FaceState.LOST
    found = [call.show(portrait.render(index)) for index in range(10)]
    assert found[-1].state is FaceState.TRACKED
    assert found[0].parameters is not None
    assert found[0].set_id == 0  # the same crop and references


def test_two_faces_are_told(portrait: MovedPortrait, tracker: FaceTracker) -> None:
    call = Call(tracker)
    states = []
    for index in range(60):
        canvas = on_canvas(portrait.render(index), 20, 100)
        canvas[100:356, 370:626] = portrait.render(0)[:, ::-1]
        states.append(call.show(canvas).state)
    assert states[-1] is FaceState.SEVERAL


def test_no_face_from_the_start_gives_nothing(tracker: FaceTracker) -> None:
    call = Call(tracker)
    analysis = call.show(np.zeros((480, 640, 3), np.uint8))
    assert analysis.state is FaceState.LOST
    assert analysis.parameters is None
    assert analysis.crop is None
    assert analysis.reference is None


def quality_of(tracker: FaceTracker, picture: Image, points: np.ndarray) -> FrameQuality:
    parameters = FaceAnalyser(FaceModel.load(), tracker)._fitter.fit_reference(
        points.astype(np.float32), 0
    )[1]
    return measure_quality(
        picture, points.astype(np.float32), parameters, face_score=1.0, motion=0.0
    )


def test_quality_sees_blur_and_what_is_before_the_face(
    portrait: MovedPortrait, tracker: FaceTracker
) -> None:
    tracker.reset()
    picture = portrait.render(0)
    points = crop_points(tracker, picture)
    good = quality_of(tracker, picture, points)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)
    blurred = quality_of(tracker, soft, points)
    assert blurred.sharpness < 0.6 * good.sharpness
    hidden = picture.copy()
    chin = (points[152, :2] + 1) * 128
    hidden[int(chin[1]) - 45 : int(chin[1]) + 5, int(chin[0]) - 40 : int(chin[0]) + 40] = (
        30,
        60,
        160,
    )
    assert good.skin_outliers < 0.2
    assert quality_of(tracker, hidden, points).skin_outliers > 0.25
    assert 0.1 < good.eye_openness < 0.6
    assert good.margin > 0.1


def psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def real_call() -> Iterator[Image]:
    return clip_frames(call_clip("conan"), 100)


def test_a_real_call_gains_from_its_later_references(tracker: FaceTracker) -> None:
    """Frames rendered from the nearest reference beat those from the first alone."""
    call = Call(tracker)
    renderer = FaceRenderer(FaceModel.load(), load_generator("warp", threads=1))
    prepared: list[PreparedReference] = []
    rendered_from: dict[str, list[float]] = {"first": [], "set": []}
    for index, image in enumerate(real_call()):
        analysis = call.show(image)
        assert analysis.state is FaceState.TRACKED
        assert analysis.parameters is not None
        assert analysis.crop is not None
        if index < 60 or index % 4:
            continue
        truth = crop_image(image, analysis.crop, 256)
        parameters = analysis.parameters
        prepared += [renderer.prepare(new) for new in call.references[len(prepared) :]]
        values = [psnr(renderer.render(one, parameters), truth) for one in prepared]
        rendered_from["first"].append(values[0])
        rendered_from["set"].append(max(values))
    assert len(call.references) >= 3
    assert np.mean(rendered_from["set"]) > np.mean(rendered_from["first"]) + 1.0
