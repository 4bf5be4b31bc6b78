"""Moments of several calls in one file, for another process: when which capture time was there."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Moment = tuple[int, int]
"""(capture time in ticks modulo 2^32, monotonic ns)."""


def save_moments(path: Path, calls: Sequence[Sequence[Moment]]) -> None:
    """One list a call."""
    tables = [np.array(call, np.int64).reshape(-1, 2) for call in calls]
    rows = np.concatenate([np.zeros((0, 2), np.int64), *tables])
    np.savez(path, rows=rows, lengths=np.array([len(table) for table in tables], np.int64))


def load_moments(path: Path) -> list[NDArray[np.int64]]:
    """(M, 2) of each call."""
    with np.load(path) as found:
        ends = np.cumsum(found["lengths"])
        return np.split(found["rows"], ends[:-1]) if len(ends) else []
