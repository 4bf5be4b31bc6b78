"""When parameters are sent and how many frames share a message. Pure; time is handed in.

A message costs 85 bytes of headers and more for its acknowledgement: two frames a message save
more than any coding of them could. Against that stand a frame's delay and, under loss, two frames
gone at once.
"""

from dataclasses import dataclass

from sender.operating_point import FRAMES_PER_MESSAGE, NORMAL_FRAMES_PER_MESSAGE
from sender.stillness import StillnessDetector
from shared.parameters import FaceParameters

KEEP_ALIVE_NS = 1_000_000_000
FIRST_KEEP_ALIVE_NS = 160_000_000
"""The pause is announced twice: a receiver that missed it would ease the face to rest."""


@dataclass(frozen=True, slots=True, eq=False)
class OutgoingMessage:
    """What the encoder is to make a message of."""

    frames: tuple[FaceParameters, ...]
    """1 to 3, oldest first."""

    set_id: int

    hold: bool
    """The last one before a pause."""

    repeated: int = 0
    """The first so many frames were in the message before."""


class MessagePlanner:
    """Groups frames into messages and stops while the face is still or gone.

    moving --still for 0.6 s, or no face--> holding --stirs--> moving
                                              |  ^
                                              '--' keep-alive, soon and then each second
    """

    def __init__(self) -> None:
        self.frames_per_message = NORMAL_FRAMES_PER_MESSAGE
        """1..3; may change at any time."""
        self.repeated = 0
        """Frames of the message before to send again, 0 or 1; may change at any time."""
        self._waiting: list[FaceParameters] = []
        self._set_id = 0
        self._newest: FaceParameters | None = None
        self._last_sent: FaceParameters | None = None
        """Of the same set and the same movement: what a message may repeat."""
        self._stillness = StillnessDetector()
        self._holding = False
        self._sent_ns = 0
        self._announced = False
        """Whether the last message announced a pause."""
        self._keep_alive_ns = KEEP_ALIVE_NS
        """From the last message to the next of a pause."""

    @property
    def holding(self) -> bool:
        return self._holding

    def add(self, parameters: FaceParameters, set_id: int, time_ns: int) -> list[OutgoingMessage]:
        """The messages that are due with this frame, none to two."""
        due: list[OutgoingMessage] = []
        if self._waiting and set_id != self._set_id:
            due.append(self._message(hold=False, time_ns=time_ns))
        if set_id != self._set_id:
            self._holding, self._last_sent = False, None
            self._stillness.reset()
        self._set_id, self._newest = set_id, parameters
        still = self._stillness.update(parameters, time_ns)
        if self._holding and still:
            return due + self.poll(parameters.capture_time, time_ns)
        self._holding = still
        self._waiting.append(parameters)
        if still or len(self._waiting) >= self.frames_per_message:
            due.append(self._message(hold=still, time_ns=time_ns))
        return due

    def face_gone(self, capture_time: int, time_ns: int) -> list[OutgoingMessage]:
        """There is no face in the frame of this time: say so once, then keep alive."""
        if self._newest is None or self._holding:
            return self.poll(capture_time, time_ns)
        self._holding = True
        self._stillness.reset()
        if not self._waiting:
            self._waiting.append(_moved(self._newest, capture_time))
        return [self._message(hold=True, time_ns=time_ns)]

    def poll(self, capture_time: int, time_ns: int) -> list[OutgoingMessage]:
        """A keep-alive when one is due in a pause; call it also when no frames come."""
        if self._newest is None or time_ns - self._sent_ns < self._keep_alive_ns:
            return []
        self._waiting.append(_moved(self._newest, capture_time))
        del self._waiting[: -FRAMES_PER_MESSAGE[-1]]
        self._holding = True
        return [self._message(hold=True, time_ns=time_ns)]

    def restart(self) -> None:
        """A new receiver: whatever waits is of no use to it."""
        self._waiting.clear()
        self._holding, self._last_sent = False, None
        self._stillness.reset()

    def _message(self, *, hold: bool, time_ns: int) -> OutgoingMessage:
        frames, self._waiting = tuple(self._waiting), []
        announced = hold and self._announced
        self._keep_alive_ns = KEEP_ALIVE_NS if announced or not hold else FIRST_KEEP_ALIVE_NS
        self._announced = hold
        self._sent_ns = time_ns
        again = self._last_sent if self.repeated else None
        # A message of a pause is repeated itself; what came before it is long shown.
        self._last_sent = None if hold else frames[-1]
        if again is None or len(frames) == FRAMES_PER_MESSAGE[-1]:
            return OutgoingMessage(frames, self._set_id, hold)
        return OutgoingMessage((again, *frames), self._set_id, hold, repeated=1)


def _moved(parameters: FaceParameters, capture_time: int) -> FaceParameters:
    """The same face at another time: it was held until then."""
    return FaceParameters.from_vector(parameters.vector, capture_time=capture_time)
