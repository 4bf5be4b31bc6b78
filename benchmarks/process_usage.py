"""What a process uses: processor, memory, threads, open files; from `/proc`, or `ps` on macOS."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """One moment of one process, children not in it."""

    time_ns: int
    """Monotonic."""

    cpu_seconds: float
    """Of all its threads since its start, user and system."""

    resident_bytes: int
    """What of its memory lies in RAM, mapped files and shared pages included."""

    own_bytes: int | None
    """Of these, what belongs to no file: what a leak grows. None where the system does not tell."""

    threads: int | None
    open_files: int | None
    """Files, sockets, pipes. None where the system does not tell."""

    def cores_since(self, earlier: "ProcessUsage") -> float:
        """Seconds of processor per second since then; 0 for no time."""
        seconds = (self.time_ns - earlier.time_ns) / 1e9
        return (self.cpu_seconds - earlier.cpu_seconds) / seconds if seconds > 0 else 0.0


def read_usage(pid: int) -> ProcessUsage | None:
    """Of a running process of this user; None for one that is gone."""
    return _read_ps(pid) if sys.platform == "darwin" else _read_proc(Path(f"/proc/{pid}"))


def _read_proc(folder: Path) -> ProcessUsage | None:
    try:
        return parse_proc(
            (folder / "stat").read_text(),
            (folder / "status").read_text(),
            open_files=len(os.listdir(folder / "fd")),
            ticks_per_second=os.sysconf("SC_CLK_TCK"),
            time_ns=time.monotonic_ns(),
        )
    except OSError:
        return None


def parse_proc(
    stat: str, status: str, *, open_files: int, ticks_per_second: int, time_ns: int
) -> ProcessUsage | None:
    """Of the texts of `/proc/PID/stat` and `/proc/PID/status`; None for a process that ended."""
    # A command's name may hold blanks and brackets; the fields follow its last bracket.
    fields = stat.rpartition(")")[2].split()
    known = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in known:
        return None
    own = known.get("RssAnon")
    return ProcessUsage(
        time_ns=time_ns,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / ticks_per_second,
        resident_bytes=_kib(known["VmRSS"]),
        own_bytes=None if own is None else _kib(own),
        threads=int(known["Threads"]),
        open_files=open_files,
    )


def _kib(text: str) -> int:
    """Bytes of a text as `  1234 kB`."""
    return int(text.split()[0]) * _KIB


def _read_ps(pid: int) -> ProcessUsage | None:
    time_ns = time.monotonic_ns()
    found = _output("ps", "-o", "rss=,time=", "-p", str(pid)).split()
    if len(found) != 2:
        return None
    # Both begin with a line of titles.
    threads = _output("ps", "-M", "-p", str(pid)).splitlines()[1:]
    files = _output("lsof", "-n", "-P", "-p", str(pid)).splitlines()[1:]
    return ProcessUsage(
        time_ns=time_ns,
        cpu_seconds=parse_ps_time(found[1]),
        resident_bytes=int(found[0]) * _KIB,
        own_bytes=None,
        threads=len(threads) or None,
        open_files=len(files) or None,
    )


def parse_ps_time(text: str) -> float:
    """Seconds of `[[days-]hours:]minutes:seconds`."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds + 86_400 * int(days or 0)


def _output(*command: str) -> str:
    """What a command prints, "" where it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return done.stdout
