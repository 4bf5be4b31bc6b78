"""Processes that work on clips, one a core."""

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import cv2

from benchmarks.machine import usable_cores


@contextmanager
def clip_workers() -> Iterator[ProcessPoolExecutor]:
    """Ended at once when the context is left by an exception: a clip takes up to a minute."""
    # Fresh processes: threads of this one would not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=context, initializer=_prepare) as pool:
        try:
            yield pool
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()
            pool.shutdown(cancel_futures=True)
            raise


def _prepare() -> None:
    # Ctrl-C is for the benchmark alone, which then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Every core has a worker already.
    cv2.setNumThreads(1)
