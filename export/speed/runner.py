"""One network at one batch, ready to run by one back end."""

from typing import Protocol


class Runner(Protocol):
    """Holds its inputs, and what it needs on the device, until it is forgotten."""

    def run(self) -> None:
        """The network alone, on inputs that are on the device; may return before it is done."""

    def serve(self) -> None:
        """As in a call: what is new with a frame comes from the CPU, pictures of bytes go back to
        it; returns when they are there."""
