"""What a process uses, by the system's own texts and of this very process."""

import os
import subprocess
import sys

import pytest

from benchmarks.process_usage import ProcessUsage, parse_proc, parse_ps_time, read_usage

_STAT = "7 (a (b) c) S 1 7 7 0 -1 4194304 900 0 0 0 250 50 1 2 20 0 9 0 400 800 90 18446"
_STATUS = "Name:\tx\nVmRSS:\t   2048 kB\nRssAnon:\t   1024 kB\nThreads:\t9\n"


def _usage(status: str) -> ProcessUsage | None:
    return parse_proc(_STAT, status, open_files=5, ticks_per_second=100, time_ns=0)


def test_texts_of_proc_are_read() -> None:
    assert _usage(_STATUS) == ProcessUsage(
        time_ns=0,
        cpu_seconds=3.0,
        resident_bytes=2 * 1024 * 1024,
        own_bytes=1024 * 1024,
        threads=9,
        open_files=5,
    )


def test_a_process_that_ended_has_no_memory() -> None:
    assert _usage("Name:\tx\nState:\tZ (zombie)\n") is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:01.50", 1.5), ("2:03:04", 7384.0), ("1-00:00:01", 86401.0)]
)
def test_times_of_ps_are_read(text: str, seconds: float) -> None:
    assert parse_ps_time(text) == seconds


def test_cores_are_of_the_time_between() -> None:
    usage = _usage(_STATUS)
    assert usage is not None
    later = ProcessUsage(2_000_000_000, 4.0, 1, None, None, None)
    assert later.cores_since(usage) == 0.5
    assert usage.cores_since(usage) == 0


def test_this_process_uses_something() -> None:
    usage = read_usage(os.getpid())
    assert usage is not None
    assert usage.cpu_seconds > 0
    assert 10_000_000 < usage.resident_bytes < 10_000_000_000
    assert usage.threads is None or usage.threads >= 1
    if sys.platform.startswith("linux"):
        assert usage.own_bytes is not None
        assert usage.open_files is not None


def test_a_process_that_is_gone_is_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    assert read_usage(process.pid) is None
