"""What a measurement is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


class UnavailableError(RuntimeError):
    """Something cannot be measured here; the text says why. A benchmark makes a row of it and goes
    on."""


@contextmanager
def explained() -> Iterator[None]:
    """Turns whatever is raised inside into an UnavailableError of one line."""
    try:
        yield
    except UnavailableError:
        raise
    except Exception as err:  # compilers, drivers and a full memory raise what they like
        first = str(err).strip().partition("\n")[0][:160]
        raise UnavailableError(f"{type(err).__name__}: {first}") from err
