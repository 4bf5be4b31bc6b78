"""From decoded messages to the face of each tick: clock map, track, playout and concealment.

Pure: arrival times and ticks are handed in, so that a simulation plays minutes in moments.
"""

from dataclasses import dataclass
from itertools import pairwise

from receiver.clock_map import ClockMap
from receiver.concealment import Concealment, ConcealmentSettings, ShownFace
from receiver.parameter_track import ParameterTrack, SampleKind, TrackFrame
from receiver.playout import Playout, PlayoutSettings
from shared.clock import TICKS_PER_SECOND
from shared.codec import DecodedMessage
from shared.sequence import sequence_difference

_ACTIVE_TICKS = 5 * TICKS_PER_SECOND
_RESTART_STEP = 1000
"""Sequence numbers: an encoder that starts anew jumps so far, and nothing was lost."""


@dataclass(slots=True)
class TickCounts:
    """How the ticks so far were filled."""

    exact: int = 0
    interpolated: int = 0
    concealed: int = 0
    held: int = 0

    def add(self, kind: SampleKind) -> None:
        if kind is SampleKind.EXACT:
            self.exact += 1
        elif kind is SampleKind.INTERPOLATED:
            self.interpolated += 1
        elif kind is SampleKind.HELD:
            self.held += 1
        else:
            self.concealed += 1

    @property
    def total(self) -> int:
        return self.exact + self.interpolated + self.concealed + self.held


class FramePlayer:
    """The moving face of one party."""

    def __init__(
        self,
        *,
        playout: PlayoutSettings | None = None,
        concealment: ConcealmentSettings | None = None,
    ) -> None:
        self.clock_map = ClockMap()
        self.playout = Playout(self.clock_map, settings=playout)
        self.counts = TickCounts()
        self._track = ParameterTrack()
        self._concealment = Concealment(concealment)
        self._previous: int | None = None
        self._newest_message: tuple[int, int] | None = None
        """(sequence, unwrapped time of its last frame)."""

    def receive(self, message: DecodedMessage, arrival_ns: int) -> bool:
        """Take a decoded message; False when its capture times are implausible."""
        restarts = self.clock_map.restarts
        times = [self.clock_map.extend(frame.capture_time) for frame in message.frames]
        if self.clock_map.observe(times[-1], arrival_ns) is None:
            return False
        if self.clock_map.restarts != restarts:
            self._restart()
        # Frames that were sent before say nothing about packing: nobody waits for them.
        new_times = times[message.repeated :]
        self._observe_sequence(message.sequence, new_times)
        if not message.hold or not self.playout.ready:
            # Nor do the single frames that keep a pause alive.
            self.playout.observe_message(new_times[0], arrival_ns)
        for index, (frame, time) in enumerate(zip(message.frames, times, strict=True)):
            last = index == len(times) - 1
            self._track.insert(
                TrackFrame.of(frame, time, set_id=message.set_id, hold=message.hold and last)
            )
        return True

    def _restart(self) -> None:
        self.begin_anew()
        self.playout.restart()

    def begin_anew(self) -> None:
        """Forget the face: the next frames follow none before them. The playout delay stays."""
        self._track.clear()
        self._concealment.reset()
        self._previous = None
        self._newest_message = None

    def _observe_sequence(self, sequence: int, times: list[int]) -> None:
        for earlier, later in pairwise(times):
            self.playout.observe_spacing(later - earlier)
        if self._newest_message is not None:
            step = sequence_difference(sequence, self._newest_message[0])
            if step == 1:
                self.playout.observe_spacing(times[0] - self._newest_message[1])
            if step <= 0:
                return
            if step < _RESTART_STEP:
                self.playout.observe_loss(step - 1, frames_per_message=len(times))
        self._newest_message = (sequence, times[-1])

    def next_due_ns(self, now_ns: int) -> int | None:
        """When the next tick is due; None before the first message."""
        if not self.playout.ready:
            return None
        return self.playout.due_ns(self.playout.next_tick(self._track, self._previous, now_ns))

    def tick(self, now_ns: int) -> tuple[int, ShownFace] | None:
        """The tick that is due now: its unwrapped time and the face; None without a face."""
        if not self.playout.ready:
            return None
        time = self.playout.next_tick(self._track, self._previous, now_ns)
        time = self.playout.snap(self._track, time, self._previous)
        self._previous = time
        shown = self._concealment.show(self._track, time)
        if shown is None:
            return None
        self.counts.add(shown.kind)
        return time, shown

    def release_ns(self, capture_time: int) -> int | None:
        """When the sound of a capture time is to be heard; None while no picture runs.

        None also when the time is so far from the picture's that it cannot belong to it.
        """
        newest = self._track.newest
        if not self.playout.ready or newest is None:
            return None
        time = self.clock_map.extend(capture_time)
        if abs(time - newest.time) > _ACTIVE_TICKS:
            return None
        return self.playout.due_ns(time)
