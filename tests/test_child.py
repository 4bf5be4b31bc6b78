"""Children end with their parent, and tell why they ended before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.child import Child, ChildError

_ROOT = Path(__file__).parent.parent


def _module(folder: Path, program: str) -> dict[str, str]:
    (folder / "trial_module.py").write_text(program)
    return {"PYTHONPATH": str(folder)}


async def test_output_comes_line_by_line_and_stop_ends_it(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print('ready', *sys.argv[1:])\n"
        "time.sleep(60)\n"
    )
    child = await Child.start("trial_module", ["a", "--b"], _module(tmp_path, program))
    assert await child.next_line() == "ready a --b"
    assert child.is_running
    resident = child.resident_bytes()
    assert resident is not None
    assert 1_000_000 < resident < 500_000_000
    assert await child.stop() == 0
    assert await child.stop() == 0
    assert not child.is_running


async def test_a_refused_setting_is_told_in_its_own_words(tmp_path: Path) -> None:
    program = "import sys\nprint('kilocall: port 99999: too large', file=sys.stderr)\nsys.exit(2)\n"
    child = await Child.start("trial_module", [], _module(tmp_path, program))
    with pytest.raises(ChildError, match=r"^port 99999: too large$"):
        await child.next_line()
    await child.stop()


async def test_a_crash_is_told_with_its_last_lines(tmp_path: Path) -> None:
    child = await Child.start("trial_module", [], _module(tmp_path, "raise RuntimeError('oh')\n"))
    with pytest.raises(ChildError, match=r"(?s)^the trial_module ended with status 1:.*oh$"):
        await child.failed()
    await child.stop()


async def test_a_deaf_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.child.STOP_TIMEOUT_SECONDS", 0.2)
    program = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(60)\n"
    )
    child = await Child.start("trial_module", [], _module(tmp_path, program))
    await child.next_line()
    assert await child.stop() == -signal.SIGKILL


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, **_module(tmp_path, "import time\ntime.sleep(60)\n")}
    program = (
        "import os, subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-m', 'benchmarks.leash', str(os.getpid()),"
        " 'trial_module'])\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env=environment,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 8
    while time.monotonic() < until and _is_alive(pid):
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Adopted by a process that does not wait for it, it may stay as a zombie.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
