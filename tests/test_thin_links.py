"""Whole calls on thin links: from 16 kbit/s with voice and 8 without, everything counted."""

import pytest

from sender.operating_point import CallLimits
from sender.parameter_transport import TransportChoice
from tests.simulated_call import SimulatedCall, concealed, link, sound, wire_kbps

VOICE, MUTE = CallLimits(has_sound=True), CallLimits(has_sound=False)
AUTO, CHANNEL = TransportChoice.AUTO, TransportChoice.DATA_CHANNEL


@pytest.mark.parametrize(
    ("limits", "kbps", "transport", "first_picture_s", "conceals"),
    [
        (VOICE, 100, CHANNEL, 1.5, 0.02),
        (VOICE, 48, CHANNEL, 4, 0.10),
        (VOICE, 24, CHANNEL, 12, 0.10),
        (VOICE, 24, AUTO, 10, 0.15),
        (VOICE, 18, AUTO, 25, 0.15),
        (VOICE, 16, AUTO, 30, 0.15),
        (MUTE, 16, CHANNEL, 6, 0.15),
        (MUTE, 8, CHANNEL, 12, 0.10),
    ],
)
def test_the_call_is_carried(
    limits: CallLimits,
    kbps: float,
    transport: TransportChoice,
    first_picture_s: float,
    conceals: float,
) -> None:
    """With room hardly a tick is a guess; on a thin link, where the rate is felt for, one in ten
    at most, and where not even the lowest rung has room, one in seven."""
    call = SimulatedCall(limits, link(kbps), transport=transport)
    call.run(50)
    assert wire_kbps(call, 15) < 1.03 * kbps
    assert call.held_s[0] < first_picture_s
    assert concealed(call, call.held_s[0] + 5) < conceals
    if limits.has_sound:
        lost, p95_ms = sound(call, 15)
        assert lost < 0.03
        assert p95_ms < 280
    assert not call.rate.is_thin(call.now_ns)
