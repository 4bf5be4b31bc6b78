"""The ladder goes down in the order of what its steps save, and each step saves."""

import itertools

import pytest

from sender.operating_point import CallLimits, OperatingPoint, ladder
from sender.wire_cost import WireCost
from shared.quantization import Precision

STANDARD, COARSE = Precision.STANDARD, Precision.COARSE


def described(point: OperatingPoint) -> tuple[int, int, float, int, int]:
    return (
        point.frames_per_message,
        point.audio_packet_ms,
        point.frame_rate_hz,
        point.audio_bitrate_bps,
        point.precision,
    )


def test_with_sound() -> None:
    points = ladder(CallLimits(has_sound=True), is_lossy=True)
    assert [described(point) for point in points] == [
        (1, 20, 25, 16_000, STANDARD),
        (1, 20, 25, 16_000, STANDARD),
        (2, 20, 25, 16_000, STANDARD),
        (3, 20, 25, 16_000, STANDARD),
        (3, 40, 25, 16_000, STANDARD),
        (3, 60, 25, 16_000, STANDARD),
        (3, 60, 15, 16_000, STANDARD),
        (3, 60, 10, 16_000, STANDARD),
        (3, 60, 10, 12_000, STANDARD),
        (3, 60, 10, 8_000, STANDARD),
        (3, 60, 10, 6_000, STANDARD),
        (3, 60, 10, 6_000, COARSE),
    ]
    assert ladder(CallLimits(has_sound=True)) == points[2:]
    assert [point.repeated for point in points] == [1] + [0] * (len(points) - 1)


@pytest.mark.parametrize(
    ("limits", "is_in_band", "repeated"),
    [
        (CallLimits(has_sound=True), True, 1),
        (CallLimits(has_sound=True, audio_packet_ms=40), True, 1),
        (CallLimits(has_sound=True, audio_packet_ms=60), True, 0),  # two messages a packet
        (CallLimits(has_sound=True, audio_packet_ms=60), False, 1),
        (CallLimits(has_sound=False, frames_per_message=1), False, 1),
        (CallLimits(has_sound=False, frames_per_message=2), False, 0),
    ],
)
def test_frames_are_sent_twice_where_messages_are_lost_one_by_one(
    limits: CallLimits, is_in_band: bool, repeated: int
) -> None:
    assert ladder(limits, is_lossy=True, is_in_band=is_in_band)[0].repeated == repeated
    assert all(point.repeated == 0 for point in ladder(limits, is_in_band=is_in_band))


def test_in_band_frames_share_a_message_last() -> None:
    points = ladder(CallLimits(has_sound=True), is_in_band=True)
    assert [point.frames_per_message for point in points] == [1] * (len(points) - 1) + [2]


def test_without_sound_and_with_wishes() -> None:
    points = ladder(CallLimits(has_sound=False, frame_rate_hz=12.0, frames_per_message=2))
    assert [described(point)[::2] for point in points] == [
        (2, 12, STANDARD),
        (2, 10, STANDARD),
        (2, 10, COARSE),
    ]
    points = ladder(CallLimits(has_sound=True, audio_packet_ms=60, audio_bitrate_bps=8_000))
    assert {point.audio_packet_ms for point in points} == {60}
    assert {point.audio_bitrate_bps for point in points} == {8_000, 6_000}


@pytest.mark.parametrize("is_in_band", [False, True])
@pytest.mark.parametrize("has_sound", [False, True])
def test_each_step_saves(has_sound: bool, is_in_band: bool) -> None:
    cost = WireCost(has_sound=has_sound)
    cost.is_in_band = is_in_band
    points = ladder(CallLimits(has_sound=has_sound), is_lossy=True, is_in_band=is_in_band)
    for richer, thinner in itertools.pairwise(points):
        assert cost.bps(thinner) < cost.bps(richer)


def test_rates_are_those_that_were_measured() -> None:
    cost = WireCost(has_sound=False)
    point = ladder(CallLimits(has_sound=False))[0]
    assert cost.bps(point) == pytest.approx(12_000, rel=0.1)  # DESIGN 6: at most 12 kbit/s
    for _ in range(1000):
        cost.observe_message(44, 2, point)
    assert cost.bps(point) == pytest.approx(12_000 + 12.5 * 8 * 22, rel=0.1)


def test_a_rate_above_the_prediction_raises_it_and_a_still_face_does_not_lower_it() -> None:
    cost = WireCost(has_sound=True)
    point = ladder(CallLimits(has_sound=True))[0]
    before = cost.bps(point)
    cost.observe_rate(1_000.0, point)
    assert cost.bps(point) == before
    for _ in range(40):
        cost.observe_rate(1.2 * before, point)  # IPv6, say
    assert cost.bps(point) == pytest.approx(1.2 * before, rel=0.02)
    for _ in range(5000):
        cost.observe_rate(9e9, point)
    assert cost.bps(point) <= 2 * before
