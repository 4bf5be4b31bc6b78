"""A minute of bytes that look for a way through the decoder."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

_TARGET = Path(__file__).parent / "fuzz_codec.py"


@pytest.mark.slow
def test_a_minute_of_fuzzing_finds_nothing(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed (it has wheels for Linux on x86-64)")
    done = subprocess.run(
        [sys.executable, str(_TARGET), "-max_total_time=60", f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-2000:]
