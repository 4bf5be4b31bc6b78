"""What outages and stalls do to the picture: it moves again at once, and nothing is made up for."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.face_motion import MOTION_PX
from receiver.frame_player import FramePlayer
from receiver.parameter_track import SampleKind
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import MissingBaseError
from shared.parameters import FaceParameters
from shared.receiver_report import ReceiverReport

MS = 1_000_000
PERIOD_NS, PERIOD_TICKS = 40 * MS, 3600
TRANSIT_NS = 50 * MS
BEGIN_NS = 10_000 * MS
"""Of every outage."""


class Watched:
    """A call of 25 frames a second whose link fails from BEGIN_NS on, and what is shown of it."""

    def __init__(self, *, per_message: int, outage_ms: int, stalls: bool) -> None:
        """`stalls`: the link holds everything back and delivers it at once; else it loses it."""
        self.end_ns = BEGIN_NS + outage_ms * MS
        self.ticks: list[tuple[int, int, SampleKind, NDArray[np.float32]]] = []
        """(now ns, capture ns, kind, parameters)."""
        self.delays_ms: list[tuple[int, float]] = []
        self._encoder, self._decoder, self._player = FaceEncoder(), FaceDecoder(), FramePlayer()
        frames = [_face(index) for index in range((self.end_ns + 10_000 * MS) // PERIOD_NS)]
        arrivals: list[tuple[int, int]] = []
        groups = [
            frames[first : first + per_message]
            for first in range(0, len(frames) - per_message + 1, per_message)
        ]
        for number in range(len(groups)):
            sent_ns = ((number + 1) * per_message - 1) * PERIOD_NS + 15 * MS
            if not BEGIN_NS <= sent_ns < self.end_ns:
                arrivals.append((sent_ns + TRANSIT_NS, number))
            elif stalls:
                arrivals.append((self.end_ns + TRANSIT_NS, number))
        encoded: dict[int, bytes] = {}
        events = [
            (((number + 1) * per_message - 1) * PERIOD_NS + 15 * MS, 0, number)
            for number in range(len(groups))
        ] + [(at_ns, 1, number) for at_ns, number in arrivals]
        for at_ns, kind, number in sorted(events):
            self._play_until(at_ns)
            if kind == 0:
                encoded[number] = self._encoder.encode(groups[number], set_id=0)
            else:
                self._receive(encoded.pop(number), at_ns)

    def _receive(self, message: bytes, now_ns: int) -> None:
        try:
            decoded = self._decoder.decode(message)
        except MissingBaseError:
            return
        self._player.receive(decoded, now_ns)
        held = self._decoder.held()
        assert held is not None
        self._encoder.acknowledge(ReceiverReport(*held, delay_ms=0, transit_ms=0))
        self.delays_ms.append((now_ns, self._player.playout.delay_ms))

    def _play_until(self, end_ns: int) -> None:
        now_ns = self.ticks[-1][0] if self.ticks else 0
        while (due_ns := self._player.next_due_ns(now_ns)) is not None and due_ns <= end_ns:
            now_ns = max(due_ns, now_ns)
            tick = self._player.tick(now_ns)
            if tick is not None:
                self._player.playout.begin(now_ns)
                time, face = tick
                moment_ns = time * 100_000 // 9
                self.ticks.append((now_ns, moment_ns, face.kind, face.parameters.vector))

    def speeds_px(self) -> list[tuple[int, float]]:
        """(now ns, motion since the tick before)."""
        return [
            (later[0], float(np.linalg.norm((later[3] - earlier[3]) * MOTION_PX)))
            for earlier, later in itertools.pairwise(self.ticks)
        ]


def _face(index: int) -> FaceParameters:
    vector = np.zeros(35, np.float32)
    seconds = index / 25
    vector[0] = np.sin(9 * seconds)
    vector[28] = -1.05
    vector[30] = 0.3 * np.sin(3 * seconds)
    vector[32] = 0.1 * np.sin(2 * seconds)
    return FaceParameters.from_vector(vector, capture_time=index * PERIOD_TICKS)


@pytest.mark.parametrize("per_message", [1, 2, 3])
@pytest.mark.parametrize("stalls", [False, True])
@pytest.mark.parametrize("outage_ms", [2000, 7000])
def test_the_picture_moves_again_within_200_ms_and_shows_no_stale_frames(
    per_message: int, stalls: bool, outage_ms: int
) -> None:
    call = Watched(per_message=per_message, outage_ms=outage_ms, stalls=stalls)
    moving_ns = next(
        now_ns for now_ns, speed in call.speeds_px() if now_ns > call.end_ns and speed > 0.2
    )
    assert moving_ns - call.end_ns < 200 * MS
    # One tick a period, each of a later moment, and none of what is long over.
    after = [tick for tick in call.ticks if tick[0] >= call.end_ns]
    walls = np.diff([tick[0] for tick in after[:50]])
    assert walls.min() > 0.6 * PERIOD_NS
    assert (np.diff([tick[1] for tick in after]) > 0).all()
    before = [tick[0] - tick[1] for tick in call.ticks if tick[0] < BEGIN_NS][-50:]
    assert max(tick[0] - tick[1] for tick in after) < max(before) + 60 * MS
    kinds = [tick[2] for tick in after if tick[0] > call.end_ns + 2000 * MS]
    assert kinds.count(SampleKind.EXACT) >= 0.95 * len(kinds)


def test_a_way_that_becomes_much_longer_is_followed_soon() -> None:
    """By more than what counts as late: nothing would ever be in time."""
    encoder, decoder, player = FaceEncoder(), FaceDecoder(), FramePlayer()
    stale = 0
    for index in range(500):
        transit_ns = TRANSIT_NS if index < 250 else 700 * MS
        arrival_ns = index * PERIOD_NS + transit_ns
        message = decoder.decode(encoder.encode([_face(index)], set_id=0))
        while (due_ns := player.next_due_ns(arrival_ns)) is not None and due_ns <= arrival_ns:
            tick = player.tick(due_ns)
            if tick is not None:
                player.playout.begin(due_ns)
                stale += tick[1].kind is SampleKind.STALE and index >= 250
        player.receive(message, arrival_ns)
    assert 10 < stale < 80
    assert player.playout.delay_ms < 100
