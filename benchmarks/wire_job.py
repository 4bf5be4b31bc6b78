"""What the wire benchmark tells its two processes, and hears from them: a JSON line each."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from sender.parameter_transport import TransportChoice
from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CallJob:
    """One call that the sending process is to make."""

    url: str
    token: str
    track: str
    """File of a `RecordedTrack`; the call's picture."""

    sound: str | None
    """Clip whose sound is sent; None: no sound."""

    transport: TransportChoice
    frames_per_message: int | None
    """None: as the rate control decides."""

    log: str
    """File for what was sent; written when the call is told to end."""

    timeout_seconds: float
    """After so long no attempt to connect begins any more."""

    def pack(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, line: str) -> Self:
        found = json.loads(line)
        return cls(**{**found, "transport": TransportChoice(found["transport"])})


class Word(StrEnum):
    """The first word of a line between the processes."""

    READY = "ready"
    """The process is up; the receiver adds its port."""

    CALL = "call"
    """To the sender, with a CallJob."""

    OPEN = "open"
    """Both channels are open, after so many seconds."""

    SHOWN = "shown"
    """The receiver holds the reference: pictures can be shown."""

    FAILED = "failed"
    """No connection, or one that ended by itself; why."""

    END = "end"
    """To the sender: end the call and write its log."""

    COLLECT = "collect"
    """To the receiver, with a file: write what the newest call showed there."""

    DONE = "done"
    """END or COLLECT was done."""


def say(word: Word, detail: str = "") -> str:
    """A line without its end."""
    return f"{word.value} {detail}".rstrip()


def hear(line: str) -> tuple[Word, str]:
    """Raises ConfigError for a line that `say` did not make."""
    word, _, detail = line.partition(" ")
    try:
        return Word(word), detail
    except ValueError:
        raise ConfigError(f"{line[:80]!r}, one of {', '.join(Word)} is expected") from None
