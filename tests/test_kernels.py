import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_set_up_fills_the_cache_with_every_kernel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "shared.kernels"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    cached = {path.name.split(".")[1].rsplit("-", 1)[0] for path in tmp_path.rglob("*.nbi")}
    decorated = sum(path.read_text().count("\n@njit(") for path in (ROOT / "shared").rglob("*.py"))
    assert len(cached) == decorated
