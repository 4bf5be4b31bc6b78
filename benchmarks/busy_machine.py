"""Other things to do for a machine: loops that never rest, one a core.

python -m benchmarks.busy_machine      one of them, until it is ended
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.child import Child


@asynccontextmanager
async def busy_machine(loops: int) -> AsyncIterator[None]:
    """So many processes that only compute, of the same priority as what is measured."""
    children = [await Child.start("benchmarks.busy_machine", [], {}) for _ in range(loops)]
    try:
        yield
    finally:
        for child in children:
            await child.stop()


def _compute() -> None:
    number = 1
    while True:
        number = number * 1_103_515_245 % 2_147_483_647


if __name__ == "__main__":
    _compute()
