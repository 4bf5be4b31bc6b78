import numpy as np
import pytest

from receiver.report_schedule import ReportSchedule
from shared.clock import TICKS_MODULUS
from shared.codec import DecodedMessage
from shared.parameters import FaceParameters

MS = 1_000_000
HELD = (7, 0b1)


def message(sequence: int, *, intra: bool = False, capture_time: int = 0) -> DecodedMessage:
    frame = FaceParameters.from_vector(np.zeros(35, np.float32), capture_time=capture_time)
    return DecodedMessage((frame,), set_id=0, sequence=sequence, hold=False, intra=intra)


def test_nothing_is_due_before_something_new_came() -> None:
    schedule = ReportSchedule()
    assert schedule.due_ns() is None
    schedule.receive(message(0, intra=True), 5 * MS)
    assert schedule.due_ns() == 5 * MS
    report = schedule.report(HELD, now_ns=9 * MS)
    assert (report.newest, report.held) == HELD
    assert (report.delay_ms, schedule.loss) == (4, 0)
    assert schedule.due_ns() is None


def test_three_a_second_and_sooner_while_messages_are_intra() -> None:
    schedule = ReportSchedule()
    schedule.receive(message(0, intra=True), 0)
    schedule.report(HELD, now_ns=0)
    schedule.receive(message(1), 80 * MS)
    assert schedule.due_ns() == 330 * MS
    schedule.receive(message(2, intra=True), 160 * MS)
    assert schedule.due_ns() == 80 * MS


def test_losses_are_those_since_the_last_report() -> None:
    schedule = ReportSchedule()
    for sequence in (65_533, 65_534, 1, 0, 2):  # 65535 is lost, 0 comes late
        schedule.receive(message(sequence), 0)
    schedule.report(HELD, now_ns=0)
    first = schedule.loss
    assert first == pytest.approx(0.2 / 6)
    schedule.receive(message(4), 0)
    schedule.report(HELD, now_ns=0)
    assert schedule.loss == pytest.approx(first + 0.2 * (1 / 2 - first))


def test_an_encoder_that_starts_anew_loses_nothing() -> None:
    schedule = ReportSchedule()
    schedule.receive(message(10), 0)
    schedule.receive(message(20_000, intra=True), 0)
    schedule.report(HELD, now_ns=0)
    assert schedule.loss == 0


def test_transit_is_arrival_minus_capture_across_wraps_and_reordering() -> None:
    schedule = ReportSchedule()
    start = TICKS_MODULUS - 3600
    for sequence, tick, late_ms in ((0, 0, 5), (1, 7200, 9), (3, 21_600, 50), (2, 14_400, 200)):
        arrival_ns = tick * 100_000 // 9 + late_ms * MS
        schedule.receive(message(sequence, capture_time=(start + tick) % TICKS_MODULUS), arrival_ns)
    assert schedule.report(HELD, now_ns=300 * MS).transit_ms == 45  # of message 3


def test_a_message_that_comes_twice_hides_no_loss() -> None:
    schedule = ReportSchedule()
    for sequence in (0, 2, 2, 0, 2):  # 1 is lost
        schedule.receive(message(sequence), 0)
    schedule.report(HELD, now_ns=0)
    assert schedule.loss == pytest.approx(0.2 / 3)


def test_one_report_a_second_will_do_for_messages_inside_the_sound() -> None:
    schedule = ReportSchedule()
    schedule.receive(message(0, intra=True), 0, in_band=True)
    schedule.report(HELD, now_ns=0)
    schedule.receive(message(1), 0, in_band=True)
    assert schedule.due_ns() == 1000 * MS
    schedule.receive(message(2, intra=True), 0, in_band=True)
    assert schedule.due_ns() == 80 * MS
    schedule.report(HELD, now_ns=0)
    schedule.receive(message(3), 0)
    assert schedule.due_ns() == 330 * MS
    for sequence in range(10, 200, 3):  # a third comes
        schedule.receive(message(sequence), 0, in_band=True)
        schedule.report(HELD, now_ns=0)
    schedule.receive(message(200), 0, in_band=True)
    assert schedule.due_ns() == 330 * MS
