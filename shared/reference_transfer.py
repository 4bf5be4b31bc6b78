"""A reference in chunks over the `control` channel, and put together again.

Chunks are paced so that a reference never delays the parameters and the audio that share the
link: one waits at most, no longer than 40 ms of the current rate.
"""

import hashlib
from dataclasses import dataclass

from shared.control_message import (
    DIGEST_BYTES,
    KnownMessage,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
)
from shared.errors import BitstreamError
from shared.limits import REFERENCE_CHUNK_MAX_BYTES, REFERENCE_TRANSFER_TIMEOUT_NS

CHUNK_DURATION_NS = 40_000_000
CHUNK_MIN_BYTES = 128
"""Smaller ones would mostly carry what is around them; below 47 kbit/s they last longer than
40 ms."""

CHUNK_AROUND_BYTES = 107
"""Headers of the wire and of the message."""


def image_digest(data: bytes) -> bytes:
    """DIGEST_BYTES bytes that a ReferenceEnd carries."""
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


_BEGIN_BYTES = 300
"""Of the first message on the wire, about."""


class ReferenceSender:
    """Hands out the messages of one reference, each when the link is free for it."""

    def __init__(self, begin: ReferenceBegin, data: bytes) -> None:
        """`data` is the compressed picture; `begin.image_bytes` its length."""
        assert begin.image_bytes == len(data)
        self._begin: ReferenceBegin | None = begin
        self._data = data
        self._offset = 0
        self._ended = False
        self._next_ns: int | None = None

    @property
    def done(self) -> bool:
        """Whether all messages were handed out."""
        return self._ended

    def next_message(
        self, now_ns: int, *, rate_bps: float, buffered_bytes: int
    ) -> KnownMessage | None:
        """The next message to send now; None: done, or it is not time yet.

        `rate_bps` is what references may take of the link now, headers included; `buffered_bytes`
        waits in the control channel. Call again every few milliseconds.
        """
        if self._ended or buffered_bytes > 0:
            return None
        if self._next_ns is not None and now_ns < self._next_ns:
            return None
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._pause(_BEGIN_BYTES, rate_bps, now_ns)
            return begin
        if self._offset == len(self._data):
            self._ended = True
            return ReferenceEnd(image_digest(self._data))
        size = int(rate_bps * CHUNK_DURATION_NS / 8e9) - CHUNK_AROUND_BYTES
        size = min(max(size, CHUNK_MIN_BYTES), REFERENCE_CHUNK_MAX_BYTES)
        chunk = ReferenceChunk(self._offset, self._data[self._offset : self._offset + size])
        self._offset += len(chunk.data)
        self._pause(len(chunk.data) + CHUNK_AROUND_BYTES, rate_bps, now_ns)
        return chunk

    def _pause(self, wire_bytes: int, rate_bps: float, now_ns: int) -> None:
        """The next message follows when this one has left the link."""
        self._next_ns = now_ns + max(int(wire_bytes * 8e9 / rate_bps), CHUNK_DURATION_NS)


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedReference:
    """A reference that arrived whole; its picture is not decoded yet."""

    begin: ReferenceBegin
    data: bytes


class ReferenceAssembler:
    """Puts one reference at a time together; holds at most REFERENCE_MAX_BYTES."""

    def __init__(self) -> None:
        self._begin: ReferenceBegin | None = None
        self._data = bytearray()
        self._progress_ns = 0

    @property
    def active(self) -> bool:
        """Whether a reference is under way."""
        return self._begin is not None

    def begin(self, message: ReferenceBegin, now_ns: int) -> None:
        """Start over with this reference; one under way is dropped."""
        self._begin = message
        self._data.clear()
        self._progress_ns = now_ns

    def add(self, message: ReferenceChunk, now_ns: int) -> None:
        """Append a chunk.

        Raises BitstreamError, and drops the reference, for a chunk out of place, too many bytes
        or one that comes too late.
        """
        begin = self._require(now_ns)
        if message.offset != len(self._data):
            raise self._drop(f"chunk at {message.offset}, {len(self._data)} is due")
        if len(self._data) + len(message.data) > begin.image_bytes:
            raise self._drop(f"reference of over {begin.image_bytes} bytes, as many were announced")
        self._data += message.data
        self._progress_ns = now_ns

    def end(self, message: ReferenceEnd, now_ns: int) -> ReceivedReference:
        """The whole reference.

        Raises BitstreamError, and drops the reference, when bytes are missing or wrong.
        """
        begin = self._require(now_ns)
        if len(self._data) != begin.image_bytes:
            raise self._drop(
                f"reference of {len(self._data)} bytes, {begin.image_bytes} were announced"
            )
        if image_digest(bytes(self._data)) != message.digest:
            raise self._drop("reference whose hash differs from the announced one")
        data = bytes(self._data)
        self._begin = None
        self._data.clear()
        return ReceivedReference(begin, data)

    def expire(self, now_ns: int) -> bool:
        """Drop a reference that is not gone on with; whether there was one. Call now and then."""
        if self._begin is None or now_ns - self._progress_ns <= REFERENCE_TRANSFER_TIMEOUT_NS:
            return False
        self._begin = None
        self._data.clear()
        return True

    def _require(self, now_ns: int) -> ReferenceBegin:
        if self.expire(now_ns) or self._begin is None:
            raise BitstreamError("part of a reference that did not begin, a begin was expected")
        return self._begin

    def _drop(self, reason: str) -> BitstreamError:
        self._begin = None
        self._data.clear()
        return BitstreamError(reason)
