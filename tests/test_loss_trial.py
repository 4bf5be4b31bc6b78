"""Less is sent for a moment: what comes of it tells a full link from random loss."""

import pytest

from sender.loss_trial import FIRST_PAUSE_NS, LASTS_NS, SETTLE_NS, TRIAL_NS, LossTrial, Verdict


def carried(sent_bps: float, *, link_bps: float = 1e9, loss: float = 0.0) -> float:
    return min(sent_bps * (1 - loss), link_bps)


@pytest.mark.parametrize(
    ("link_bps", "loss", "verdict"),
    [
        (12e3, 0.0, Verdict.CONGESTION),
        (24e3, 0.0, Verdict.CONGESTION),
        (24e3, 0.05, Verdict.CONGESTION),
        (1e9, 0.4, Verdict.RANDOM),
        (1e9, 0.6, Verdict.RANDOM),
    ],
)
def test_the_verdict(link_bps: float, loss: float, verdict: Verdict) -> None:
    trial = LossTrial()
    assert not trial.is_wanted(0.5, -LASTS_NS)
    assert trial.is_wanted(0.5, 0)
    before = carried(60e3, link_bps=link_bps, loss=loss)
    trial.begin(sent_bps=60e3, received_bps=before, now_ns=0)
    less = 0.95 * before
    after = carried(less, link_bps=link_bps, loss=loss)
    assert not trial.is_wanted(0.5, TRIAL_NS)
    for now_ns in (0, SETTLE_NS, TRIAL_NS - 1):
        assert trial.verdict(sent_bps=less, received_bps=after, now_ns=now_ns) is None
    assert trial.verdict(sent_bps=less, received_bps=after, now_ns=TRIAL_NS) is verdict
    assert trial.is_wanted(0.5, 2 * TRIAL_NS) is (verdict is Verdict.CONGESTION)
    assert trial.is_wanted(0.5, TRIAL_NS + FIRST_PAUSE_NS)


def test_light_loss_and_outages_are_not_tried() -> None:
    trial = LossTrial()
    for now_ns in range(0, 10 * LASTS_NS, LASTS_NS // 4):
        assert not trial.is_wanted(0.3, now_ns)
    assert not trial.is_wanted(0.9, 10 * LASTS_NS)
    assert not trial.is_wanted(0.3, 11 * LASTS_NS)
    assert not trial.is_wanted(0.9, 12 * LASTS_NS)


def test_random_loss_is_tried_ever_less_often() -> None:
    trial, now_ns, trials = LossTrial(), 0, 0
    while now_ns < 1800 * 10**9:
        if trial.is_wanted(0.5, now_ns):
            trial.begin(sent_bps=60e3, received_bps=30e3, now_ns=now_ns)
            trials += 1
        trial.verdict(sent_bps=20e3, received_bps=10e3, now_ns=now_ns)
        now_ns += 10**9
    assert trials <= 5
