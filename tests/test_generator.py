import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from receiver.settings import ReceiverSettings
from shared import shipped_generators
from shared.errors import ArtifactError, InferenceError
from shared.generator import load_generator
from shared.shipped_generators import default_generator
from tests.faces import textured_image
from tests.tiny_bundle import SIZE, write_tiny_bundle

CONDITIONS = np.random.default_rng(1).uniform(-1, 1, (5, 16, 16)).astype(np.float32)


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ArtifactError) as caught:
        load_generator(write_tiny_bundle(folder, **options))
    return str(caught.value).removeprefix(f"{folder}: ")


def test_warp_needs_no_file() -> None:
    generator = load_generator("warp")
    assert (generator.name, generator.size, generator.history) == ("warp", 256, 0)


def test_the_default_is_lite_where_it_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_generators, "SHIPPED_BUNDLES", tmp_path)
    assert default_generator() == ReceiverSettings.read().generator == "warp"
    (tmp_path / "lite").mkdir()
    assert default_generator() == ReceiverSettings.read().generator == "lite"
    assert ReceiverSettings.read(generator="warp").generator == "warp"


def test_an_unknown_name() -> None:
    with pytest.raises(ArtifactError) as caught:
        load_generator("lightning")
    assert str(caught.value).startswith("generator 'lightning', known are warp")
    assert str(caught.value).endswith(" and folders with a bundle.json")


def test_a_bundle_runs(tmp_path: Path) -> None:
    generator = load_generator(write_tiny_bundle(tmp_path))
    assert generator.name == "tiny"
    assert generator.size == SIZE
    assert generator.condition_size == (16, 16)
    image = textured_image(SIZE)
    features = generator.prepare(image, CONDITIONS)
    picture = generator.generate(features, CONDITIONS)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    difference = np.abs(picture.astype(int) - image)
    assert 1 < difference.mean() < 60
    np.testing.assert_array_equal(picture, generator.generate(features, CONDITIONS))
    generator.close()


def test_nothing_changes_the_picture_where_weights_are_nothing(tmp_path: Path) -> None:
    """Levels 0..255 survive the way to [-1, 1] and back."""
    generator = load_generator(write_tiny_bundle(tmp_path, scale=0.0))
    image = textured_image(SIZE)
    image[0, 0], image[0, 1] = 0, 255
    features = generator.prepare(image, CONDITIONS)
    np.testing.assert_array_equal(generator.generate(features, CONDITIONS), image)


def test_a_reference_of_another_size_is_resized(tmp_path: Path) -> None:
    generator = load_generator(write_tiny_bundle(tmp_path, scale=0.0))
    features = generator.prepare(textured_image(256), CONDITIONS)
    difference = generator.generate(features, CONDITIONS).astype(int) - textured_image(SIZE)
    assert np.abs(difference).mean() < 3


def test_history_and_audio(tmp_path: Path) -> None:
    generator = load_generator(write_tiny_bundle(tmp_path, history=2, audio=True))
    assert generator.history == 2
    features = generator.prepare(textured_image(SIZE), CONDITIONS)
    zeros = np.zeros((6, 16, 16), np.float32)
    still = generator.generate(features, CONDITIONS, zeros)
    moving = generator.generate(features, CONDITIONS, zeros + 1)
    assert np.abs(still.astype(int) - moving).max() > 0


def test_numbers_that_are_not_finite_are_an_error_of_this_frame(tmp_path: Path) -> None:
    generator = load_generator(write_tiny_bundle(tmp_path))
    features = generator.prepare(textured_image(SIZE), CONDITIONS)
    with pytest.raises(InferenceError) as caught:
        generator.generate(features, CONDITIONS * np.nan)
    assert str(caught.value) == "the frame generator returned numbers that are not finite"
    generator.generate(features, CONDITIONS)


def test_other_tensor_names(tmp_path: Path) -> None:
    assert refusal(tmp_path, image_name="photo") == (
        "reference_encoder.onnx: inputs conditions, photo, the manifest asks for conditions, image"
    )


def test_history_that_the_network_does_not_take(tmp_path: Path) -> None:
    text = refusal(tmp_path, manifest_changes={"history": 2})
    assert text == (
        "frame_generator.onnx: inputs code, conditions, picture, "
        "the manifest asks for code, conditions, past_pncc, picture"
    )


def test_other_shapes(tmp_path: Path) -> None:
    text = refusal(tmp_path, manifest_changes={"conditions": ["pncc"]})
    assert text == "reference_encoder.onnx: conditions is Bx5x16x16, 1x3x16x16 is expected"
    text = refusal(tmp_path, manifest_changes={"size": 128})
    assert text == "reference_encoder.onnx: image is Bx3x64x64, 1x3x128x128 is expected"


def test_a_fixed_batch(tmp_path: Path) -> None:
    text = refusal(tmp_path, batch=1)
    assert text == "frame_generator.onnx: conditions is 1x5x16x16, Bx5x16x16 is expected"


def test_another_face_model(tmp_path: Path) -> None:
    text = refusal(tmp_path, manifest_changes={"face_model_version": 7})
    assert text == "trained with face model 7, this program has 1"


def test_a_bad_bundle_ends_the_receiver_with_one_line(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path, image_name="photo")
    done = subprocess.run(
        [sys.executable, "-m", "receiver", "--port", "0", "--generator", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KILOCALL_TOKEN_SECRET": "x" * 32},
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"kilocall: {folder}: reference_encoder.onnx: inputs conditions, photo, "
        "the manifest asks for conditions, image\n"
    )
