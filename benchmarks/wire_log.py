"""What both ends of a call write down: frames and messages sent, messages come, faces shown.

All times are monotonic nanoseconds, which all processes of one machine share; capture times
are 90 kHz ticks modulo 2^32, as on the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from receiver.concealment import ShownFace
from receiver.frame_player import FramePlayer
from receiver.parameter_track import SampleKind
from shared.codec import DecodedMessage, FaceDecoder
from shared.parameters import PARAMETER_SIZE, FloatArray

IntArray = NDArray[np.int64]

_KINDS = list(SampleKind)


@dataclass(frozen=True, slots=True, eq=False)
class SentCall:
    """The sender's side of a call."""

    ticks_at_zero: int
    """The capture clock at monotonic time 0, modulo 2^32."""

    frames: IntArray
    """(F, 3) capture ns, index in the recording, and ns at which the camera's thread woke for it,
    of each frame."""

    messages: IntArray
    """(M, 2) ns and bytes of each message handed to the transport."""

    coded: IntArray
    """(C, 2) ns of its message, and capture time, of each frame in one."""

    rides: IntArray
    """(R, 2) ns and bytes that messages added to a packet of sound."""

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as found:
            return cls(
                int(found["ticks_at_zero"]),
                found["frames"],
                found["messages"],
                found["coded"],
                found["rides"],
            )


class SentLog:
    """Grows while the call is made; frames are added by one thread, messages by another."""

    def __init__(self, ticks_at_zero: int) -> None:
        self._ticks_at_zero = ticks_at_zero
        self._frames: list[tuple[int, int, int]] = []
        self._messages: list[tuple[int, int]] = []
        self._coded: list[tuple[int, int]] = []
        self._rides: list[tuple[int, int]] = []
        self._decoder = FaceDecoder()

    def add_frame(self, time_ns: int, index: int, now_ns: int) -> None:
        self._frames.append((time_ns, index, now_ns))

    def add_message(self, now_ns: int, message: bytes) -> None:
        """A message of the encoder, all of which come here."""
        self._messages.append((now_ns, len(message)))
        for frame in self._decoder.decode(message).frames:
            self._coded.append((now_ns, frame.capture_time))

    def add_ride(self, now_ns: int, added_bytes: int) -> None:
        self._rides.append((now_ns, added_bytes))

    def save(self, path: Path) -> None:
        np.savez(
            path,
            ticks_at_zero=self._ticks_at_zero,
            frames=_table(self._frames, 3),
            messages=_table(self._messages, 2),
            coded=_table(self._coded, 2),
            rides=_table(self._rides, 2),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ShownCall:
    """The receiver's side of a call."""

    arrivals: IntArray
    """(A, 3) ns of its message, capture time, and whether an earlier message held it too, of each
    frame that came."""

    ticks: IntArray
    """(T, 3) ns, capture time shown, and index of the sample's kind in `SampleKind`."""

    vectors: FloatArray
    """(T, 35) what each tick showed."""

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as found:
            return cls(found["arrivals"], found["ticks"], found["vectors"])

    def kinds(self) -> list[SampleKind]:
        """Of each tick."""
        return [_KINDS[number] for number in self.ticks[:, 2]]


class WatchedPlayer(FramePlayer):
    """A player that writes down what comes and what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self._arrivals: list[tuple[int, int, int]] = []
        self._ticks: list[tuple[int, int, int]] = []
        self._vectors: list[FloatArray] = []

    def receive(self, message: DecodedMessage, arrival_ns: int) -> bool:
        for index, frame in enumerate(message.frames):
            again = int(index < message.repeated)
            self._arrivals.append((arrival_ns, frame.capture_time, again))
        return super().receive(message, arrival_ns)

    def tick(self, now_ns: int) -> tuple[int, ShownFace] | None:
        found = super().tick(now_ns)
        if found is not None:
            shown = found[1]
            kind = _KINDS.index(shown.kind)
            self._ticks.append((now_ns, shown.parameters.capture_time, kind))
            self._vectors.append(shown.parameters.vector)
        return found

    def save(self, path: Path) -> None:
        np.savez(
            path,
            arrivals=_table(self._arrivals, 3),
            ticks=_table(self._ticks, 3),
            vectors=np.array(self._vectors, np.float32).reshape(-1, PARAMETER_SIZE),
        )


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> IntArray:
    return np.array(rows, np.int64).reshape(-1, columns)
