"""The layout holds: torch-free runtime, a clean wheel, names that are ours."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
PACKAGES = ("export", "receiver", "sender", "shared")


@pytest.mark.parametrize("module", ["sender.__main__", "receiver.__main__", "benchmarks.__main__"])
def test_the_runtime_imports_without_torch_or_onnx(module: str) -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'mediapipe'): sys.modules[name] = None\n"
        f"import {module}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks"])
def test_our_names_resolve_to_this_checkout(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / package


def test_the_wheel_holds_the_runtime_and_nothing_else(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    assert "shared/assets/face_model.npz" in names
    assert "shared/assets/tracker/NOTICE" in names
    assert "shared/assets/portrait/NOTICE" in names
    assert "receiver/web/index.html" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
