import re
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from export.backend_errors import PictureErrors, picture_errors
from export.tensorrt_command import command
from shared.errors import ArtifactError, ConfigError
from tests import nvidia
from tests.tiny_bundle import write_tiny_bundle

APP = typer.Typer()
APP.command()(command)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setenv("COLUMNS", "240")
    return CliRunner().invoke(APP, arguments, catch_exceptions=False).stdout


def row(output: str, name: str) -> list[str]:
    [line] = [line for line in output.splitlines() if re.match(rf"^[^\w]*{name} ", line)]
    return [cell.strip() for cell in line.strip("│┃ ").split("│")]


def test_engines_are_built_ahead_and_every_back_end_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpu = nvidia.install(monkeypatch)
    bundle = write_tiny_bundle(tmp_path / "bundle", history=2, audio=True)
    engines = tmp_path / "engines"
    output = run(monkeypatch, "--bundle", str(bundle), "--engines", str(engines))
    assert gpu.tensorrt.built == 2
    for path in engines.iterdir():
        assert f"{path}: " in output
    for name in ("tensorrt", "cuda", "cpu"):
        assert row(output, name)[-3:] == ["0", "0", "inf dB"]
    run(monkeypatch, "--bundle", str(bundle), "--engines", str(engines))
    assert gpu.tensorrt.built == 2


def test_a_bundle_is_compared_with_its_full_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nvidia.install(monkeypatch)
    bundle = write_tiny_bundle(tmp_path / "half", scale=0.05)
    full = write_tiny_bundle(tmp_path / "full", scale=0.051)
    output = run(
        monkeypatch,
        *("--bundle", str(bundle), "--full", str(full), "--engines", str(tmp_path / "engines")),
    )
    *_, largest, mean, psnr = row(output, "tensorrt")
    assert 0 < float(mean) < float(largest) < 0.1
    assert 30 < float(psnr.removesuffix(" dB")) < 90


def test_without_tensorrt_the_others_are_told_and_the_command_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpu = nvidia.install(monkeypatch)
    gpu.tensorrt.refuses = "no operator Foo"
    bundle = write_tiny_bundle(tmp_path / "bundle")
    with pytest.raises(ConfigError) as caught:
        run(monkeypatch, "--bundle", str(bundle), "--engines", str(tmp_path / "engines"))
    assert str(caught.value) == (
        "no engine is built: TensorRT 11.3.0 on NVIDIA Fake 100 cannot run this network: "
        "no operator Foo"
    )


def test_bundles_that_are_not_the_same_generator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = write_tiny_bundle(tmp_path / "one", history=2)
    full = write_tiny_bundle(tmp_path / "other")
    with pytest.raises(ArtifactError, match=r"^tiny: history 2, tiny has 0; the same generator"):
        run(monkeypatch, "--bundle", str(bundle), "--full", str(full))


def test_errors_of_pictures() -> None:
    expected = np.zeros((1, 3, 2, 2), np.float32)
    found = expected.copy()
    found[0, 0, 0, 0] = 0.12
    errors = picture_errors(found, expected)
    assert errors.largest == pytest.approx(0.12)
    assert errors.mean == pytest.approx(0.01)
    assert errors.psnr_db == pytest.approx(10 * np.log10(4 * 12 / 0.12**2), abs=1e-4)
    assert picture_errors(expected, expected) == PictureErrors(0.0, 0.0, float("inf"))
