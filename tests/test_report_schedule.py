import pytest

from receiver.report_schedule import ReportSchedule
from shared.codec import DecodedMessage

MS = 1_000_000
HELD = (7, 0b1)


def message(sequence: int, *, intra: bool = False) -> DecodedMessage:
    return DecodedMessage(frames=(), set_id=0, sequence=sequence, hold=False, intra=intra)


def test_nothing_is_due_before_something_new_came() -> None:
    schedule = ReportSchedule()
    assert schedule.due_ns() is None
    schedule.receive(message(0, intra=True), 5 * MS)
    assert schedule.due_ns() == 5 * MS
    report = schedule.report(HELD, jitter_ms=3.4, now_ns=9 * MS)
    assert (report.newest, report.held) == HELD
    assert (report.delay_ms, report.loss, report.jitter_ms) == (4, 0, 3)
    assert schedule.due_ns() is None


def test_three_a_second_and_sooner_while_messages_are_intra() -> None:
    schedule = ReportSchedule()
    schedule.receive(message(0, intra=True), 0)
    schedule.report(HELD, jitter_ms=0, now_ns=0)
    schedule.receive(message(1), 80 * MS)
    assert schedule.due_ns() == 330 * MS
    schedule.receive(message(2, intra=True), 160 * MS)
    assert schedule.due_ns() == 80 * MS


def test_losses_are_those_since_the_last_report() -> None:
    schedule = ReportSchedule()
    for sequence in (65_533, 65_534, 1, 0, 2):  # 65535 is lost, 0 comes late
        schedule.receive(message(sequence), 0)
    assert schedule.report(HELD, jitter_ms=0, now_ns=0).loss == pytest.approx(1 / 6)
    schedule.receive(message(4), 0)
    assert schedule.report(HELD, jitter_ms=0, now_ns=0).loss == pytest.approx(1 / 2)
    assert 0 < schedule.loss < 0.5


def test_an_encoder_that_starts_anew_loses_nothing() -> None:
    schedule = ReportSchedule()
    schedule.receive(message(10), 0)
    schedule.receive(message(20_000, intra=True), 0)
    assert schedule.report(HELD, jitter_ms=0, now_ns=0).loss == 0
