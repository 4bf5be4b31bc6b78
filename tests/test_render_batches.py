"""The engine's frames of several calls, its workers stepped by hand."""

from functools import partial

import pytest

from receiver.admission import Admission
from receiver.batcher import PATIENCE_NS
from receiver.picture_maker import RebuiltPicture, RenderRequest
from receiver.render_lane import RenderLane
from receiver.render_schedule import FRAME_LIFE_NS
from receiver.renderer import RenderEngine
from shared.errors import KilocallError, SignalingError
from shared.face_model import FaceModel
from shared.face_renderer import PreparedReference
from shared.metrics import Metrics
from tests.faces import face_parameters, face_reference
from tests.fakes import FakeClock, FakeGenerator


class Stepped:
    """An engine without threads: `step` does what the next free worker would."""

    def __init__(
        self, *, calls: int, largest_batch: int = 16, max_calls: int | None = None
    ) -> None:
        self.generator = FakeGenerator(largest_batch=largest_batch)
        self.metrics, self.clock = Metrics(), FakeClock()
        self.engine = RenderEngine(
            FaceModel.load(),
            self.generator,
            metrics=self.metrics,
            now_ns=self.clock.now_ns,
            max_calls=max_calls,
            workers=1,
        )
        self.results: list[tuple[int, RebuiltPicture | KilocallError]] = []
        self.lanes: list[RenderLane] = []
        self.prepared: list[PreparedReference] = []
        for seed in range(calls):
            lane = self.engine.open_lane()
            load = partial(face_reference, face_parameters(), seed=seed)
            assert lane.prepare(load, self.prepared.append, print)
            assert self.engine._preparer.work()
            self.lanes.append(lane)

    def put(self, call: int, capture_time: int = 0) -> None:
        self.lanes[call].render(
            RenderRequest(
                references=(self.prepared[call],),
                parameters=face_parameters(capture_time=capture_time),
                now_ns=self.clock.now_ns(),
            ),
            lambda picture: self.results.append((call, picture)),
            lambda error: self.results.append((call, error)),
        )

    def step(self) -> bool:
        work = self.engine._schedule.next(self.clock.now_ns())
        if work is not None:
            self.engine._do(work, self.engine._renderers[0])
        return work is not None

    def work(self) -> None:
        while self.step():
            pass

    def counted(self, name: str, label: str = "") -> int:
        return self.metrics.snapshot().counters.get((name, label), 0)


def crowded(calls: int, *, largest_batch: int = 16) -> Stepped:
    """Frames of all but the first call came while that one's was generated."""
    stepped = Stepped(calls=calls, largest_batch=largest_batch)
    stepped.put(0)

    def others_come() -> None:
        stepped.generator.on_batch = lambda: None
        for call in range(1, calls):
            stepped.put(call)
        stepped.work()  # another worker draws their conditions

    stepped.generator.on_batch = others_come
    return stepped


def test_frames_that_come_while_the_generator_works_go_together() -> None:
    stepped = crowded(6)
    stepped.work()
    assert stepped.generator.batches == [1, 5]
    assert [call for call, _ in stepped.results] == [0, 1, 2, 3, 4, 5]
    assert stepped.counted("batches", "5") == 1


def test_no_batch_is_larger_than_the_generator_takes() -> None:
    stepped = crowded(8, largest_batch=4)
    stepped.work()
    assert stepped.generator.batches == [1, 4, 3]
    stages = stepped.metrics.snapshot().stages
    assert stages["batch"].count == stages["generate"].count == stages["condition"].count == 8


def test_frames_that_are_there_together_go_together() -> None:
    stepped = Stepped(calls=3)
    for call in range(3):
        stepped.put(call)
    stepped.work()
    assert stepped.generator.batches == [3]


def test_each_call_gets_its_own_picture() -> None:
    stepped = crowded(4)
    stepped.work()
    planes = [
        result.planar.tobytes()
        for _, result in stepped.results
        if result is not None and isinstance(result, RebuiltPicture)
    ]
    assert len(set(planes)) == 4


def test_one_that_fails_takes_no_other_with_it() -> None:
    stepped = crowded(4)
    stepped.generator.cursed = stepped.prepared[2].features
    stepped.work()
    failed = [call for call, result in stepped.results if isinstance(result, KilocallError)]
    assert failed == [2]
    assert len(stepped.results) == 4
    assert stepped.counted("batches_split") == 1


def test_a_call_that_leaves_while_it_waits_is_not_generated() -> None:
    stepped = crowded(3)
    come = stepped.generator.on_batch

    def others_come_and_one_leaves() -> None:
        come()
        stepped.lanes[1].close()

    stepped.generator.on_batch = others_come_and_one_leaves
    stepped.work()
    assert [call for call, _ in stepped.results] == [0, 2]
    assert stepped.generator.batches == [1, 1]


def test_conditions_too_old_for_the_generator_are_dropped_and_counted() -> None:
    stepped = crowded(2)
    come = stepped.generator.on_batch

    def a_batch_takes_long() -> None:
        come()
        stepped.clock.advance_ms(FRAME_LIFE_NS / 1e6 + 1)
        stepped.put(1, capture_time=7)

    stepped.generator.on_batch = a_batch_takes_long
    stepped.work()
    assert stepped.counted("frames_dropped", "stale") == 1
    [_, (call, picture)] = stepped.results
    assert call == 1
    assert isinstance(picture, RebuiltPicture)
    assert picture.capture_time == 7


def test_what_has_not_begun_is_replaced_while_the_generator_works() -> None:
    """No more is begun than the next batch takes, so that the rest stays where the newest wins."""
    stepped = crowded(4, largest_batch=1)
    come = stepped.generator.on_batch

    def newer_ones_come() -> None:
        come()
        for call in (2, 3):
            stepped.put(call, capture_time=5)

    stepped.generator.on_batch = newer_ones_come
    stepped.work()
    assert stepped.counted("frames_dropped", "render") == 2
    times = {
        call: picture.capture_time
        for call, picture in stepped.results
        if isinstance(picture, RebuiltPicture)
    }
    assert times == {0: 0, 1: 0, 2: 5, 3: 5}


def test_a_frame_waits_for_a_call_whose_tick_is_near() -> None:
    stepped = Stepped(calls=2)
    for _ in range(3):  # they tick 3 ms apart
        stepped.put(0)
        stepped.step()
        stepped.clock.advance_ms(4)
        stepped.work()
        stepped.put(1)
        stepped.step()
        stepped.clock.advance_ms(4)
        stepped.work()
        stepped.clock.advance_ms(32)
    stepped.generator.batches.clear()
    stepped.put(0)
    stepped.step()
    assert not stepped.step()
    wait_ns = stepped.engine._schedule.wait_ns(stepped.clock.now_ns())
    assert wait_ns is not None
    assert 0 < wait_ns <= PATIENCE_NS
    stepped.clock.advance_ms(4)
    stepped.put(1)
    stepped.work()
    assert stepped.generator.batches in ([2], [1, 1])
    assert len(stepped.results) == 8


def refusal(stepped: Stepped) -> str:
    with pytest.raises(SignalingError) as caught:
        stepped.engine.admit()
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 30)
    return str(caught.value)


def test_no_more_calls_than_are_allowed() -> None:
    stepped = Stepped(calls=1, max_calls=2)
    stepped.engine.admit()
    other = stepped.engine.open_lane()
    assert refusal(stepped) == "the pictures of 2 parties are rebuilt here, 2 are allowed"
    assert stepped.counted("calls_refused", "max_calls") == 1
    other.close()
    stepped.engine.admit()


def test_a_full_device_takes_no_call_until_one_has_ended_and_the_others_go_on() -> None:
    stepped = Stepped(calls=3)
    stepped.generator.full = True
    failures: list[KilocallError] = []
    unlucky = stepped.engine.open_lane()
    load = partial(face_reference, face_parameters())
    assert unlucky.prepare(load, stepped.prepared.append, failures.append)
    assert stepped.engine._preparer.work()
    assert [str(failure) for failure in failures] == ["no room"]
    unlucky.close()
    text = "the pictures of 3 parties are rebuilt here, the device's memory is full"
    assert refusal(stepped) == text
    assert stepped.counted("calls_refused", "device_memory") == 1
    for call in range(3):
        stepped.put(call)
    stepped.work()
    assert len(stepped.results) == 3
    stepped.lanes[0].close()
    stepped.engine.admit()


def test_an_empty_device_is_asked_afresh() -> None:
    admission = Admission()
    admission.memory_ran_out(1)
    assert admission.check(1) == "device_memory"
    assert admission.check(0) is None
    assert admission.check(1) is None
