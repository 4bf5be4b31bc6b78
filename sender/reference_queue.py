"""References on their way to one receiver, one after the other."""

import asyncio
from collections import deque

from sender.reference_encoder import EncodedReference
from shared.metrics import Metrics
from shared.reference_transfer import ReferenceSender

_CAPACITY = 8
"""Two sets; more means that the link takes none, and the oldest is given up."""


class ReferenceQueue:
    """Holds what waits and knows whose identity already went out. Lives on the event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[EncodedReference] = deque()
        self._filled = asyncio.Event()
        self._identified: deque[int] = deque(maxlen=16)
        """Sets whose identity went out on this connection, lately: their numbers come again."""

    @property
    def under_way(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    def put(self, reference: EncodedReference) -> None:
        """Queue one; when full, the oldest is dropped and counted."""
        if len(self._waiting) >= _CAPACITY:
            self._waiting.popleft()
            self._metrics.count("references_dropped", "waiting")
        self._waiting.append(reference)
        self._filled.set()

    def forget(self) -> None:
        """The receiver holds nothing any more: identities go out again."""
        self._identified.clear()

    async def next(self) -> ReferenceSender:
        """The transfer of the next reference, waiting for one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        encoded = self._waiting.popleft()
        reference = encoded.reference
        first = reference.set_id not in self._identified
        if first:
            self._identified.append(reference.set_id)
        begin = encoded.begin(with_identity=first)
        return ReferenceSender(begin, encoded.picture.data)
