import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.clock_map import ClockMap
from receiver.parameter_track import ParameterTrack, TrackFrame
from receiver.playout import Playout, PlayoutSettings

PERIOD = 3600
PERIOD_NS = 40_000_000
MS = 1_000_000


def feed(
    playout: Playout,
    clock_map: ClockMap,
    *,
    frames: range,
    per_message: int = 2,
    jitter_ms: float = 0.0,
    loss: float = 0.0,
    seed: int = 1,
) -> list[float]:
    """Messages of a sender that needs 20 ms; the delays after each."""
    rng = random.Random(seed)
    delays = []
    for last in range(frames.start + per_message - 1, frames.stop, per_message):
        arrival_ns = last * PERIOD_NS + int((20 + rng.expovariate(1) * jitter_ms) * MS)
        if rng.random() < loss:
            continue
        clock_map.observe(last * PERIOD, arrival_ns)
        for _ in range(per_message - 1):
            playout.observe_spacing(PERIOD)
        playout.observe_message((last - per_message + 1) * PERIOD, arrival_ns)
        delays.append(playout.delay_ms)
    return delays


def fresh() -> tuple[Playout, ClockMap]:
    clock_map = ClockMap()
    return Playout(clock_map), clock_map


def test_the_delay_covers_packing_and_little_more() -> None:
    for per_message in (1, 2, 3):
        playout, clock_map = fresh()
        delays = feed(playout, clock_map, frames=range(600), per_message=per_message)
        assert delays[-1] == 40 * (per_message - 1) + PlayoutSettings().margin_ms


def test_a_lost_message_is_not_a_late_one() -> None:
    whole, lossy = fresh(), fresh()
    feed(*whole, frames=range(600), jitter_ms=3)
    feed(*lossy, frames=range(600), jitter_ms=3, loss=0.3)
    assert abs(whole[0].delay_ms - lossy[0].delay_ms) < 5
    assert lossy[0].delay_ms < 65


def test_the_delay_slews_once_the_picture_runs() -> None:
    playout, clock_map = fresh()
    feed(playout, clock_map, frames=range(100))
    playout.begin(0)
    delays = feed(playout, clock_map, frames=range(100, 600), jitter_ms=30)
    assert max(delays) > 80
    # 1 ms per 40 ms, so 20 ms in ten messages; those may come 30 ms and more apart.
    grown = np.array(delays[10:]) - np.array(delays[:-10])
    assert max(grown[70:]) < 20 + 5  # the first 5 s are quicker
    settled = feed(playout, clock_map, frames=range(600, 1600))
    assert settled[-1] == 40 + PlayoutSettings().margin_ms


def test_the_delay_is_quick_while_the_picture_is_new_and_jumps_before() -> None:
    playout, clock_map = fresh()
    feed(playout, clock_map, frames=range(20), jitter_ms=150)
    before = feed(playout, clock_map, frames=range(20, 140))
    assert before[-1] == 40 + PlayoutSettings().margin_ms
    assert min(np.diff(before)) < -100
    playout, clock_map = fresh()
    slow = feed(playout, clock_map, frames=range(20), jitter_ms=150)[-1]
    playout.begin(20 * PERIOD_NS)
    delays = feed(playout, clock_map, frames=range(20, 200))
    assert delays[-1] == 40 + PlayoutSettings().margin_ms
    assert delays[0] < slow
    assert max(abs(np.diff(delays))) < 8.1  # 100 ms a second


def test_the_first_messages_are_met_at_once() -> None:
    playout, clock_map = fresh()
    feed(playout, clock_map, frames=range(2))
    clock_map.observe(3 * PERIOD, 3 * PERIOD_NS + 70 * MS)
    playout.observe_message(2 * PERIOD, 3 * PERIOD_NS + 70 * MS)
    assert playout.delay_ms == 90 + PlayoutSettings().start_margin_ms


def test_the_period_is_that_of_the_frames() -> None:
    playout, _ = fresh()
    playout.set_frame_rate(30)
    assert playout.period_ticks == 3000
    for ticks in (6000, 6010, 5990, 1, 10**6):
        playout.observe_spacing(ticks)
    assert playout.period_ticks == 6000
    playout.set_frame_rate(25)
    assert playout.period_ticks == 6000


@given(
    seed=st.integers(0, 2**31),
    loss=st.sampled_from([0.0, 0.3, 0.7]),
    wobble=st.integers(0, 200),  # ticks; 2 ms, twice that is less than the margin
    stall=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_ticks_rise_and_meet_exact_frames(seed: int, loss: float, wobble: int, stall: bool) -> None:
    rng = random.Random(seed)
    playout, clock_map = fresh()
    track = ParameterTrack()
    times = [frame * PERIOD + rng.randint(-wobble, wobble) for frame in range(300)]
    messages = [
        (times[i + 1] * 100_000 // 9 + 20 * MS, times[i : i + 2])
        for i in range(0, 300, 2)
        if rng.random() >= loss
    ]
    ticks: list[int] = []
    previous: int | None = None
    now_ns = 0
    for arrival_ns, pair in messages:
        while previous is None or now_ns < arrival_ns:
            if not playout.ready:
                break
            due_ns = playout.due_ns(playout.next_tick(track, previous, now_ns))
            if due_ns > arrival_ns:
                break
            now_ns = max(now_ns, due_ns)
            if stall and rng.random() < 0.02:
                now_ns += 300 * MS
            previous = playout.snap(track, playout.next_tick(track, previous, now_ns), previous)
            ticks.append(previous)
        now_ns = max(now_ns, arrival_ns)
        clock_map.observe(pair[-1], arrival_ns)
        playout.observe_spacing(pair[1] - pair[0])
        playout.observe_message(pair[0], arrival_ns)
        for time in pair:
            track.insert(TrackFrame(time=time, set_id=0, vector=np.zeros(35)))
    steps = np.diff(ticks)
    assert (steps > 0).all()
    if not stall:
        assert (steps >= (PERIOD - 2 * wobble) // 2).all()
    if loss == 0 and not stall:
        assert set(ticks[10:]) <= set(times)
