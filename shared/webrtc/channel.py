"""A data channel that never lets messages pile up."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCDataChannel
from aiortc.exceptions import InvalidStateError

from shared.limits import CONTROL_MESSAGE_MAX_BYTES, PARAMETER_MESSAGE_MAX_BYTES

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What a label stands for on both sides."""

    label: str
    ordered: bool
    max_retransmits: int | None
    """None: reliable."""

    max_buffered_bytes: int
    """A message is dropped while more than this waits to be sent."""

    max_message_bytes: int
    """What may come in one message; more is a breach of the protocol."""


CONTROL = ChannelKind("control", True, None, 64 * 1024, CONTROL_MESSAGE_MAX_BYTES)
"""Reliable and ordered msgpack maps."""

PARAMETERS = ChannelKind("parameters", False, 0, 128, PARAMETER_MESSAGE_MAX_BYTES)
"""Newest wins: what cannot leave at once is worthless. 128 bytes are two messages and more."""

STATUS = ChannelKind("status", True, None, 16 * 1024, 4 * 1024)
"""Reliable msgpack maps about the other party, on the way to and from a player."""


class Channel:
    """One open or opening channel. All methods belong to the event loop."""

    def __init__(
        self,
        channel: RTCDataChannel,
        kind: ChannelKind,
        *,
        on_message: Callable[[bytes], None],
        on_breach: Callable[[str], None],
        on_open: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        """`on_breach` hears of a message that is too large or text, and what it was."""
        self._channel = channel
        self._kind = kind
        self._on_message = on_message
        self._on_breach = on_breach
        self.dropped = 0
        """Messages not sent because too much was waiting or the channel was not open."""
        self.sent = 0
        self.sent_bytes = 0
        """User bytes handed to SCTP."""
        channel.on("message", self._receive)
        channel.on("close", on_close)
        if self.is_open:
            on_open()
        else:
            channel.on("open", on_open)

    @property
    def kind(self) -> ChannelKind:
        return self._kind

    @property
    def is_open(self) -> bool:
        return bool(self._channel.readyState == "open")

    @property
    def buffered_bytes(self) -> int:
        """What waits inside aiortc for the congestion window."""
        return int(self._channel.bufferedAmount)

    def send(self, message: bytes) -> bool:
        """Send now, or drop and count; True when the message was taken."""
        if not self.is_open or self.buffered_bytes > self._kind.max_buffered_bytes:
            self.dropped += 1
            return False
        try:
            self._channel.send(message)
        except (InvalidStateError, ValueError) as error:
            # The connection may close between the check and here; ValueError: larger than the
            # other side accepts.
            logger.debug(
                "%s message of %d bytes not sent: %s", self._kind.label, len(message), error
            )
            self.dropped += 1
            return False
        self.sent += 1
        self.sent_bytes += len(message)
        return True

    def _receive(self, message: Any) -> None:
        if not isinstance(message, bytes):
            self._on_breach(f"text on channel {self._kind.label}, only binary is allowed")
        elif len(message) > self._kind.max_message_bytes:
            self._on_breach(
                f"{self._kind.label} message of {len(message)} bytes, "
                f"at most {self._kind.max_message_bytes} allowed"
            )
        else:
            self._on_message(message)
