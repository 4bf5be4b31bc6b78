"""Stand-ins that tests move by hand."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from shared.channel import Channel
from shared.clock import ticks_from_ns
from shared.errors import DeviceMemoryError, InferenceError
from shared.features import Features
from shared.frame_input import FrameInput
from shared.parameters import CROP_SIZE, FloatArray, Image


class FakeClock:
    """A `Clock` that stands still until told to go on."""

    def __init__(self, start_ns: int = 1_000_000_000_000) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def now_ticks(self) -> int:
        return self.ticks_at(self._now_ns)

    def ticks_at(self, monotonic_ns: int) -> int:
        """The capture time of a moment, as the system's clock gives it."""
        return ticks_from_ns(monotonic_ns)

    def advance_ms(self, milliseconds: float) -> None:
        """Let time pass."""
        self._now_ns += round(milliseconds * 1e6)


class FakeGenerator:
    """A `Generator` that shows the reference's picture as it is, when allowed to."""

    name = "fake"
    size = CROP_SIZE
    channels = (Channel.DISPLACEMENT,)
    condition_size = (64, 64)
    history = 0

    def __init__(self, *, largest_batch: int = 1) -> None:
        self.largest_batch = largest_batch
        self.gate = threading.Event()
        """Cleared, `generate` waits."""
        self.gate.set()
        self.broken = False
        """`generate` raises InferenceError."""
        self.full = False
        """`prepare` raises DeviceMemoryError."""
        self.cursed: Features | None = None
        """`generate` raises InferenceError for these alone."""
        self.on_batch: Callable[[], object] = lambda: None
        """Called while a batch is generated."""
        self.batches: list[int] = []
        """How many pictures each took."""
        self.generated = 0
        self.closed = False

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        if self.full:
            raise DeviceMemoryError("no room")
        return Features({"image": image})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        self.gate.wait()
        self.generated += 1
        if self.broken or features is self.cursed:
            raise InferenceError("the network is broken")
        image: Image = features.tensors["image"].copy()
        return image

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        self.batches.append(len(frames))
        self.on_batch()
        return [self.generate(one.features, one.conditions, one.past_pncc) for one in frames]

    def close(self) -> None:
        self.closed = True


class FakeCamera:
    """A `CameraSource` whose frames a test puts in."""

    def __init__(self) -> None:
        self.is_open = False
        self.opened = 0
        self._frames: asyncio.Queue[tuple[Any, int | None]] = asyncio.Queue()

    def open(self) -> None:
        self.is_open = True
        self.opened += 1

    def close(self) -> None:
        self.is_open = False

    def put(self, frame: Any, capture_time: int | None = None) -> None:
        self._frames.put_nowait((frame, capture_time))

    async def recv(self) -> tuple[Any, int | None]:
        return await self._frames.get()
