"""Which frames go together, and when: any calls, any times, one clock that a test moves."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.batcher import LARGEST_BATCH, PATIENCE_NS, Batch, Batcher

MS = 1_000_000
NEVER = 10**18
PERIOD_NS = 40 * MS


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lane's frame; one that is put again is another frame."""

    lane: int
    at_ns: int
    size: int
    life_ns: int


@dataclass(slots=True)
class Outcome:
    """What became of every frame, by the index of its arrival."""

    taken: dict[int, int] = field(default_factory=dict)
    """-> when."""
    stale: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        lane=st.integers(0, 24),
        at_ns=st.integers(0, 30 * MS),
        size=st.integers(1, 2),
        life_ns=st.integers(0, 20 * MS),
    ),
    max_size=60,
).map(lambda arrivals: sorted(arrivals, key=lambda one: one.at_ns))


def play(arrivals: list[Arrival], *, largest: int, generate_ns: int = 0) -> Outcome:
    """Run them through, asking whenever a frame comes, a batch is due or the generator is free."""
    batcher: Batcher[int, int] = Batcher(largest=largest)
    outcome = Outcome()
    free_ns = now_ns = 0
    queue = list(enumerate(arrivals))
    while True:
        due_ns = batcher.due_ns(now_ns)
        moments = [queue[0][1].at_ns] if queue else []
        if due_ns is not None:
            moments.append(max(due_ns, free_ns))
        if not moments:
            break
        now_ns = max(now_ns, min(moments))
        while queue and queue[0][1].at_ns <= now_ns:
            index, one = queue.pop(0)
            replaced = batcher.put(
                one.lane,
                index,
                now_ns=now_ns,
                deadline_ns=now_ns + one.life_ns,
                size=one.size,
            )
            if replaced is not None:
                outcome.replaced.append(replaced)
        if now_ns < free_ns:
            continue
        batch = batcher.take(now_ns)
        outcome.stale += [one.frame for one in batch.stale]
        if batch.frames:
            free_ns = now_ns + generate_ns
            outcome.batches.append([one.frame for one in batch.frames])
            outcome.taken |= {one.frame: now_ns for one in batch.frames}
    outcome.left = [frame for lane in range(25) if (frame := batcher.leave(lane)) is not None]
    return outcome


SETTINGS = {
    "arrivals": ARRIVALS,
    "largest": st.sampled_from([1, 2, 4, 16]),
    "generate_ns": st.sampled_from([0, 3 * MS, 15 * MS]),
}


@given(**SETTINGS)
def test_no_batch_is_too_large(arrivals: list[Arrival], largest: int, generate_ns: int) -> None:
    for batch in play(arrivals, largest=largest, generate_ns=generate_ns).batches:
        assert len(batch) == 1 or sum(arrivals[one].size for one in batch) <= largest
        assert len({arrivals[one].lane for one in batch}) == len(batch)


@given(**SETTINGS)
def test_nothing_is_lost_silently(arrivals: list[Arrival], largest: int, generate_ns: int) -> None:
    outcome = play(arrivals, largest=largest, generate_ns=generate_ns)
    accounted = [*outcome.taken, *outcome.stale, *outcome.replaced, *outcome.left]
    assert sorted(accounted) == list(range(len(arrivals)))
    assert not outcome.left  # whatever waits is due some time


@given(**SETTINGS)
def test_nothing_is_generated_after_its_deadline(
    arrivals: list[Arrival], largest: int, generate_ns: int
) -> None:
    outcome = play(arrivals, largest=largest, generate_ns=generate_ns)
    for index, at_ns in outcome.taken.items():
        assert at_ns <= arrivals[index].at_ns + arrivals[index].life_ns


@given(arrivals=ARRIVALS, largest=st.sampled_from([1, 4, 16]))
def test_with_a_free_generator_nothing_waits_longer_than_the_patience(
    arrivals: list[Arrival], largest: int
) -> None:
    outcome = play(arrivals, largest=largest)
    assert not outcome.stale
    for index, at_ns in outcome.taken.items():
        assert at_ns - arrivals[index].at_ns <= PATIENCE_NS


@given(
    waiting=st.sets(st.integers(0, 30), min_size=1),
    largest=st.sampled_from([1, 2, 4, 16]),
    rounds=st.integers(2, 20),
)
def test_while_a_lane_waits_no_other_goes_twice(
    waiting: set[int], largest: int, rounds: int
) -> None:
    """Everybody has the next frame ready as soon as the last is taken: the worst of crowds."""
    batcher: Batcher[int, int] = Batcher(largest=largest)
    turns = dict.fromkeys(waiting, 0)
    for lane in waiting:
        batcher.put(lane, lane, now_ns=0, deadline_ns=NEVER)
    for number in range(rounds):
        for one in batcher.take(number * PERIOD_NS).frames:
            turns[one.lane] += 1
            batcher.put(one.lane, one.lane, now_ns=number * PERIOD_NS, deadline_ns=NEVER)
        assert max(turns.values()) - min(turns.values()) <= 1


def ticking(lanes: dict[int, int], *, until_ns: int = 3 * PERIOD_NS) -> Batcher[int, int]:
    """A batcher that has seen lanes tick at these offsets, and waits for none of their frames."""
    batcher: Batcher[int, int] = Batcher()
    for start_ns in range(0, until_ns, PERIOD_NS):
        for lane, offset_ns in sorted(lanes.items(), key=lambda item: item[1]):
            now_ns = start_ns + offset_ns
            batcher.put(lane, lane, now_ns=now_ns, deadline_ns=NEVER)
            taken: Batch[int, int] = batcher.take(now_ns + PATIENCE_NS)
            assert [one.lane for one in taken.frames] == [lane]
    return batcher


def test_a_lone_call_never_waits() -> None:
    batcher = ticking({0: 0})
    for jitter_ns in (0, 2 * MS, -3 * MS):
        now_ns = 3 * PERIOD_NS + jitter_ns
        batcher.put(0, 1, now_ns=now_ns, deadline_ns=NEVER)
        assert batcher.due_ns(now_ns) == now_ns
        batcher.leave(0)


def test_a_frame_waits_for_one_that_is_about_to_come_and_no_other() -> None:
    now_ns = 3 * PERIOD_NS
    near, far = ticking({0: 0, 1: 3 * MS}), ticking({0: 0, 1: 20 * MS})
    for batcher, due_ns in ((near, now_ns + PATIENCE_NS), (far, now_ns)):
        batcher.put(0, 1, now_ns=now_ns, deadline_ns=NEVER)
        assert batcher.due_ns(now_ns) == due_ns
    assert not near.take(now_ns).frames
    near.put(1, 1, now_ns=now_ns + 3 * MS, deadline_ns=NEVER)
    # Everybody is there: no need to wait for the fourth millisecond.
    assert {one.lane for one in near.take(now_ns + 3 * MS).frames} == {0, 1}


def test_a_frame_waits_for_those_on_their_way_but_not_longer() -> None:
    batcher = ticking({0: 0})
    now_ns = 3 * PERIOD_NS
    batcher.put(0, 1, now_ns=now_ns, deadline_ns=NEVER)
    assert batcher.due_ns(now_ns, more=True) == now_ns + PATIENCE_NS
    assert batcher.due_ns(now_ns) == now_ns
    assert not batcher.take(now_ns, more=True).frames
    assert batcher.take(now_ns + PATIENCE_NS, more=True).frames


def test_a_call_that_has_left_or_fallen_silent_is_not_waited_for() -> None:
    now_ns = 3 * PERIOD_NS
    batcher = ticking({0: 0, 1: 3 * MS})
    batcher.leave(1)
    batcher.put(0, 1, now_ns=now_ns, deadline_ns=NEVER)
    assert batcher.due_ns(now_ns) == now_ns
    silent = ticking({0: 0, 1: 3 * MS})
    silent.put(0, 1, now_ns=now_ns + PERIOD_NS, deadline_ns=NEVER)
    assert silent.due_ns(now_ns + PERIOD_NS) == now_ns + PERIOD_NS


def test_a_deadline_closes_the_batch_before_the_patience_ends() -> None:
    now_ns = 3 * PERIOD_NS
    batcher = ticking({0: 0, 1: 3 * MS})
    batcher.put(0, 1, now_ns=now_ns, deadline_ns=now_ns + MS)
    assert batcher.due_ns(now_ns) is not None
    batch = batcher.take(now_ns + MS)
    assert [one.lane for one in batch.frames] == [0]


@pytest.mark.parametrize("largest", [1, LARGEST_BATCH])
def test_a_full_batch_begins_at_once(largest: int) -> None:
    batcher: Batcher[int, int] = Batcher(largest=largest)
    for lane in range(largest):
        batcher.put(lane, lane, now_ns=5, deadline_ns=NEVER)
    assert len(batcher.take(5).frames) == largest
    assert len(batcher) == 0
