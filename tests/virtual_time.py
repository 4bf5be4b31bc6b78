"""An event loop whose clock jumps to the next timer, so that minutes of a call take a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: the time that would have passed is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout:
            self.now_seconds += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Everything in it must live by the loop's clock; sockets only wake it up."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_seconds


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, whose seconds are the loop's."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
