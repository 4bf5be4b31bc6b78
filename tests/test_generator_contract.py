"""What every back end promises a renderer. Those `on a fake GPU` are our code over the libraries
with the host's memory in place of a GPU's; those marked `gpu` are the libraries themselves."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.channel import channel_count
from shared.errors import InferenceError
from shared.frame_input import FrameInput
from shared.generator import Generator, load_generator
from shared.inference.device import Device
from shared.parameters import FloatArray, Image
from tests import nvidia
from tests.faces import textured_image
from tests.fakes import FakeGenerator
from tests.tiny_bundle import write_tiny_bundle

HISTORY = 2
NETWORKS = [
    "cpu",
    "cuda on a fake GPU",
    "tensorrt on a fake GPU",
    pytest.param("cuda", marks=pytest.mark.gpu),
    pytest.param("tensorrt", marks=pytest.mark.gpu),
]


@pytest.fixture(params=["fake", "warp", *NETWORKS])
def generator(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Generator]:
    made = _generator(str(request.param), tmp_path, monkeypatch)
    yield made
    made.close()
    made.close()


@pytest.fixture(params=NETWORKS)
def network(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Generator]:
    made = _generator(str(request.param), tmp_path, monkeypatch)
    yield made
    made.close()


def _generator(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator:
    if name == "fake":
        return FakeGenerator(largest_batch=4)
    if name == "warp":
        return load_generator("warp")
    if "fake GPU" in name:
        nvidia.install(monkeypatch)
    bundle = write_tiny_bundle(folder / "bundle", history=HISTORY, audio=True)
    return load_generator(bundle, device=Device(name.split()[0]), engines=folder / "engines")


def conditions(generator: Generator, seed: int, planes: int = 0) -> FloatArray:
    shape = (planes or channel_count(generator.channels), *generator.condition_size)
    return np.random.default_rng(seed).uniform(0, 0.2, shape).astype(np.float32)


def picture(generator: Generator, seed: int) -> Image:
    return np.roll(textured_image(generator.size), 7 * seed, axis=1)


def frame(generator: Generator, seed: int) -> FrameInput:
    """Of a person of its own."""
    features = generator.prepare(picture(generator, seed), conditions(generator, seed))
    past = conditions(generator, 50 + seed, 3 * generator.history) if generator.history else None
    return FrameInput(features, conditions(generator, 100 + seed), past)


def generate(generator: Generator, one: FrameInput) -> Image:
    return generator.generate(one.features, one.conditions, one.past_pncc)


def close_to(found: Image, expected: Image) -> bool:
    return int(np.abs(found.astype(int) - expected).max()) <= 1


def test_a_picture_is_made(generator: Generator) -> None:
    made = generate(generator, frame(generator, 0))
    assert made.shape == (generator.size, generator.size, 3)
    assert made.dtype == np.uint8
    assert made.flags.c_contiguous


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_frames_together_are_what_each_is_alone(generator: Generator, count: int) -> None:
    frames = [frame(generator, seed) for seed in range(min(count, 4))]
    frames = [frames[index % len(frames)] for index in range(count)]
    alone = [generate(generator, one) for one in frames[:4]]
    together = generator.generate_batch(frames)
    assert len(together) == count
    for index, made in enumerate(together):
        assert close_to(made, alone[index % len(alone)])
    assert not any(close_to(alone[0], other) for other in alone[1:])


def test_pictures_belong_to_the_caller(generator: Generator) -> None:
    one = frame(generator, 0)
    first = generate(generator, one)
    kept = first.copy()
    first[:] = 0
    assert close_to(generate(generator, one), kept)


def test_features_outlive_those_that_come_later(generator: Generator) -> None:
    early = frame(generator, 0)
    before = generate(generator, early)
    later = [frame(generator, seed) for seed in range(1, 5)]
    generator.generate_batch(later)
    assert close_to(generate(generator, early), before)


def test_one_call_that_is_no_number_harms_no_later_one(network: Generator) -> None:
    one = frame(network, 0)
    before = generate(network, one)
    broken = FrameInput(one.features, one.conditions * np.nan, one.past_pncc)
    with pytest.raises(InferenceError, match="numbers that are not finite"):
        network.generate_batch([one, broken])
    assert close_to(generate(network, one), before)


def test_after_its_end_it_says_so(network: Generator) -> None:
    one = frame(network, 0)
    network.close()
    with pytest.raises(InferenceError, match="run after close"):
        generate(network, one)
