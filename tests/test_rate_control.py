"""The rate of a whole call over modelled links, with no real time (`tests.simulated_call`)."""

import itertools
import re

import numpy as np
import pytest

from benchmarks.link_model import LinkConditions
from sender.operating_point import CallLimits, ladder
from sender.parameter_transport import TransportChoice
from sender.rate_control import RateControl
from shared.receiver_report import ReceiverReport
from tests.simulated_call import (
    SECOND,
    START_NS,
    SimulatedCall,
    concealed,
    link,
    rungs,
    sound,
    wire_kbps,
)

VOICE = CallLimits(has_sound=True)
AUTO, CHANNEL = TransportChoice.AUTO, TransportChoice.DATA_CHANNEL
DEAD = LinkConditions(delay_ms=30, loss=0.999999)


@pytest.mark.parametrize("transport", [AUTO, CHANNEL])
def test_a_link_that_carries_everything_is_left_at_the_top(transport: TransportChoice) -> None:
    call = SimulatedCall(VOICE, link(jitter=20), transport=transport)
    call.run(60)
    top = ladder(VOICE, is_in_band=transport is AUTO)[0]
    assert rungs(call, after_s=1) == []
    assert call.rate.point == top
    assert concealed(call, 5) < 0.02
    assert [seconds < limit for seconds, limit in zip(call.held_s, (1.5, 3, 5, 7), strict=True)]


def test_a_narrowing_link_is_followed_down_in_the_ladders_order() -> None:
    call = SimulatedCall(VOICE, link(100))
    shown = [call.rate.point]
    for kbps in (100, 44, 32, 24, 18):
        call.impair(link(kbps))
        call.run(15)
        shown.append(call.rate.point)
    order = [ladder(VOICE).index(point) for point in shown]
    assert order == sorted(order)
    assert order[0] == 0
    assert len(set(order)) == 5


def test_a_link_that_widens_is_followed_up_one_rung_at_a_time() -> None:
    call = SimulatedCall(VOICE, link(24))
    call.run(40)
    call.impair(link(200))
    call.run(80)
    points = ladder(VOICE)
    order = [points.index(point) for point in rungs(call, after_s=40)]
    assert order[-1] == 0
    assert set(np.diff(order)) == {-1}


def test_a_rung_that_proves_too_rich_is_tried_ever_less_often() -> None:
    call = SimulatedCall(VOICE, link(32))
    call.run(150)
    assert len(rungs(call, after_s=20)) <= 10
    lost, _ = sound(call, 20)
    assert lost < 0.02


def test_high_loss_splits_messages_until_it_was_low_for_a_while() -> None:
    call = SimulatedCall(VOICE, link(loss=0.2))
    call.run(30)
    assert call.rate.point.frames_per_message == 1
    call.impair(link())
    call.run(4)
    assert call.rate.point.frames_per_message == 1
    call.run(10)
    assert rungs(call, after_s=1)[-1] == ladder(VOICE)[0]
    assert [point.frames_per_message for point in rungs(call)] == [2, 1, 2]


def test_light_loss_changes_nothing() -> None:
    call = SimulatedCall(VOICE, link(loss=0.03))
    call.run(60)
    assert len(rungs(call)) == 1


@pytest.mark.parametrize(("loss", "steps"), [(0.3, 0), (0.5, 6)])
def test_random_loss_is_not_congestion(loss: float, steps: int) -> None:
    """At 50 % it is put to the test now and then: down, and back up."""
    call = SimulatedCall(VOICE, link(loss=loss))
    call.run(120)
    assert len(rungs(call, after_s=3)) <= steps
    assert call.rate.point == ladder(VOICE, is_lossy=True)[0]
    assert not any(thin for _, thin in call.record.thin)


def test_a_link_full_from_the_start_is_found_out_and_told() -> None:
    """It shows no queue: its delay was never seen without one. The notice does not flicker: one
    try of a richer rung may end it for a while."""
    call = SimulatedCall(VOICE, link(12), transport=AUTO)
    call.run(90)
    assert call.rate.point in ladder(VOICE, is_in_band=True)[-2:]
    assert call.record.thin[0][0] < START_NS + 12 * SECOND
    assert call.record.thin[-1][1]
    assert len(call.record.thin) <= 3
    assert wire_kbps(call, 30) < 22
    assert re.match(r"the link carries about 12 kbit/s, the call needs 1\d: ", call.rate.shortage)


def test_the_way_becoming_longer_is_not_congestion_for_long() -> None:
    call = SimulatedCall(VOICE, link(delay=30))
    call.run(20)
    call.impair(link(delay=150))
    call.run(10)
    assert call.rate.point == ladder(VOICE)[0]


def test_jitter_is_hardly_ever_taken_for_congestion() -> None:
    call = SimulatedCall(VOICE, link(delay=50, jitter=40))
    call.run(120)
    assert len(rungs(call)) <= 3


@pytest.mark.parametrize("seconds", [2, 8])
def test_an_outage_costs_no_rung(seconds: float) -> None:
    call = SimulatedCall(VOICE, link())
    call.run(20)
    call.impair(DEAD)
    call.run(seconds)
    call.impair(link())
    call.run(1.5)
    assert call.rate.point == ladder(VOICE)[0]


@pytest.mark.parametrize(
    ("limits", "transport"),
    [
        (CallLimits(has_sound=True, max_bps=20e3), AUTO),
        (CallLimits(has_sound=True, max_bps=40e3), CHANNEL),
        (CallLimits(has_sound=False, max_bps=8e3), CHANNEL),
    ],
)
def test_the_cap_holds_from_the_start(limits: CallLimits, transport: TransportChoice) -> None:
    call = SimulatedCall(limits, link(), transport=transport)
    call.run(60)
    assert limits.max_bps is not None
    cap_kbps = limits.max_bps / 1e3
    rates = [wire_kbps(call, start, start + 5) for start in range(1, 55)]
    assert max(rates) < 1.05 * cap_kbps
    assert min(rates) > 0.6 * cap_kbps
    assert call.held_s[0] < 16


def test_a_cap_below_the_lowest_rung_is_told_and_what_would_do() -> None:
    rate = RateControl(CallLimits(has_sound=True, max_bps=12e3), now_ns=0)
    assert rate.is_thin(0)
    told = re.match(r"the cap allows 12 kbit/s, the call needs (\d+): ", rate.shortage)
    assert told is not None
    enough = CallLimits(has_sound=True, max_bps=1e3 * int(told[1]))
    assert not RateControl(enough, now_ns=0).is_thin(0)


def test_the_users_choice_stands() -> None:
    call = SimulatedCall(CallLimits(has_sound=False, frames_per_message=2), link(9, loss=0.15))
    call.run(20)
    assert {point.frames_per_message for point in rungs(call)} == {2}


def test_a_still_face_tells_nothing_about_the_link() -> None:
    call = SimulatedCall(
        VOICE, link(24), transport=AUTO, moves=lambda now_ns: now_ns // (5 * SECOND) % 2 == 0
    )
    call.run(90)
    lost, _ = sound(call, 15)
    assert lost < 0.03
    assert len(rungs(call, after_s=10)) <= 8


def test_reports_of_messages_long_forgotten_change_nothing() -> None:
    rate = RateControl(VOICE, now_ns=0)
    before = rate.point
    for newest, now_ns in itertools.product((0, 30_000, 65_535), range(0, SECOND, SECOND // 10)):
        rate.report(ReceiverReport(newest, 0, delay_ms=0, transit_ms=9), now_ns)
    assert rate.point == before
    assert rate.round_trip_ms is None
