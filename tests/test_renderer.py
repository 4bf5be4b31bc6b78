import queue
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from receiver.picture_maker import PictureMaker, RebuiltPicture, RenderRequest
from receiver.render_lane import MAX_WAITING_REFERENCES, RenderLane
from receiver.renderer import RenderEngine
from shared import bar_code
from shared.errors import BitstreamError, InferenceError, KilocallError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer, PreparedReference
from shared.metrics import Metrics
from shared.parameters import Reference
from tests.faces import face_parameters, face_reference
from tests.fakes import FakeGenerator

MS = 1_000_000
Result = RebuiltPicture | PreparedReference | KilocallError


class Engine:
    """An engine with its fake generator; what it calls back lands in a queue."""

    def __init__(self) -> None:
        self.generator, self.metrics = FakeGenerator(), Metrics()
        self.engine = RenderEngine(FaceModel.load(), self.generator, metrics=self.metrics)
        self.engine.start()
        self.results: queue.Queue[Result] = queue.Queue()

    def result(self) -> Result:
        return self.results.get(timeout=20)

    def prepared(self, lane: RenderLane, reference: Reference) -> PreparedReference:
        assert lane.prepare(lambda: reference, self.results.put, self.results.put)
        result = self.result()
        assert isinstance(result, PreparedReference)
        return result

    def render(self, lane: RenderLane, reference: PreparedReference, capture_time: int) -> None:
        request = RenderRequest(
            references=(reference,),
            parameters=face_parameters(capture_time=capture_time),
            now_ns=capture_time,
        )
        lane.render(request, self.results.put, self.results.put)

    def picture_time(self) -> int:
        result = self.result()
        assert isinstance(result, RebuiltPicture)
        return result.capture_time


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.generator.gate.set()
    made.engine.close()
    assert made.generator.closed


def test_the_newest_frame_wins_and_drops_are_counted(engine: Engine) -> None:
    lane = engine.engine.open_lane()
    reference = engine.prepared(lane, face_reference(face_parameters()))
    engine.render(lane, reference, 0)
    assert engine.picture_time() == 0
    engine.generator.gate.clear()
    generated = engine.generator.generated
    for time in range(1, 6):
        engine.render(lane, reference, time)
    engine.generator.gate.set()
    times = [engine.picture_time()]
    if times == [1]:  # it was taken before the next one came
        times.append(engine.picture_time())
    assert times[-1] == 5
    assert engine.generator.generated - generated == len(times)
    dropped = engine.metrics.snapshot().counters["frames_dropped", "render"]
    assert dropped == 5 - len(times)


def test_parties_take_turns(engine: Engine) -> None:
    lanes = [engine.engine.open_lane() for _ in range(3)]
    reference = engine.prepared(lanes[0], face_reference(face_parameters()))
    for time, lane in enumerate(lanes):
        engine.render(lane, reference, time)
    assert {engine.picture_time() for _ in lanes} == {0, 1, 2}


def test_a_failing_frame_is_told_and_the_worker_goes_on(engine: Engine) -> None:
    lane = engine.engine.open_lane()
    reference = engine.prepared(lane, face_reference(face_parameters()))
    engine.generator.broken = True
    engine.render(lane, reference, 1)
    failure = engine.result()
    assert isinstance(failure, InferenceError)
    assert str(failure) == "the network is broken"
    engine.generator.broken = False
    engine.render(lane, reference, 2)
    assert engine.picture_time() == 2


def test_a_reference_that_does_not_load_is_told(engine: Engine) -> None:
    lane = engine.engine.open_lane()

    def load() -> Reference:
        raise BitstreamError("no picture")

    assert lane.prepare(load, engine.results.put, engine.results.put)
    assert str(engine.result()) == "no picture"

    def stumble() -> Reference:
        raise ZeroDivisionError("a mistake of ours")

    assert lane.prepare(stumble, engine.results.put, engine.results.put)
    assert str(engine.result()) == "ZeroDivisionError while rendering: a mistake of ours"


def test_waiting_references_are_bounded_and_a_closed_lane_is_silent(engine: Engine) -> None:
    lane = engine.engine.open_lane()
    gate = threading.Event()

    def load() -> Reference:
        gate.wait()
        return face_reference(face_parameters())

    accepted = [
        lane.prepare(load, engine.results.put, engine.results.put)
        for _ in range(2 * MAX_WAITING_REFERENCES)
    ]
    assert MAX_WAITING_REFERENCES <= sum(accepted) <= MAX_WAITING_REFERENCES + 1
    lane.close()
    gate.set()
    other = engine.engine.open_lane()
    assert engine.prepared(other, face_reference(face_parameters(), set_id=9)).reference.set_id == 9
    assert not lane.prepare(load, engine.results.put, engine.results.put)


def test_a_slow_reference_does_not_hold_up_frames(engine: Engine) -> None:
    lane = engine.engine.open_lane()
    reference = engine.prepared(lane, face_reference(face_parameters()))
    gate = threading.Event()

    def load() -> Reference:
        gate.wait()
        return face_reference(face_parameters(), reference_id=1)

    assert lane.prepare(load, engine.results.put, engine.results.put)
    engine.render(lane, reference, 7)
    assert engine.picture_time() == 7
    gate.set()
    assert isinstance(engine.result(), PreparedReference)


def made(maker: PictureMaker, request: RenderRequest, renderer: FaceRenderer) -> RebuiltPicture:
    begun = maker.begin(request, renderer)
    return maker.finish(begun, renderer.generator.generate_batch(begun.inputs))


def test_a_new_set_fades_in_over_200_ms() -> None:
    renderer = FaceRenderer(FaceModel.load(), FakeGenerator())
    maker = PictureMaker(metrics=Metrics())
    old = renderer.prepare(face_reference(face_parameters(), set_id=1, seed=1))
    new = renderer.prepare(face_reference(face_parameters(), set_id=2, seed=2))

    def luma(reference: PreparedReference, now_ms: int) -> np.ndarray:
        request = RenderRequest(
            references=(reference,), parameters=face_parameters(), now_ns=now_ms * MS
        )
        return made(maker, request, renderer).planar[:256].astype(float)

    before = luma(old, 0)
    fading = [luma(new, 40 + ms) for ms in (0, 100, 200)]
    assert np.abs(fading[0] - before).max() == 0
    assert np.abs(fading[1] - (before + fading[2]) / 2).max() < 3
    assert np.abs(luma(new, 400) - fading[2]).max() == 0


def test_the_capture_time_can_be_read_from_the_picture() -> None:
    renderer = FaceRenderer(FaceModel.load(), FakeGenerator())
    maker = PictureMaker(metrics=Metrics(), mark=bar_code.draw)
    reference = renderer.prepare(face_reference(face_parameters()))
    request = RenderRequest(
        references=(reference,), parameters=face_parameters(capture_time=123_456), now_ns=0
    )
    picture = made(maker, request, renderer)
    assert picture.planar.shape == (384, 256)
    assert bar_code.read(picture.planar[:256]) == 123_456
