"""HeadGAN's generator against tables 4 and 5 of the paper."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.networks.base import Base, BaseConfig  # noqa: E402
from export.networks.counts import count_macs, count_parameters  # noqa: E402

HIDDEN = 128


def conv(planes: int, channels: int, kernel: int = 3) -> int:
    """Weights and biases."""
    return channels * (planes * kernel * kernel + 1)


def spade_block(channels: int, modulation: int) -> int:
    spade = conv(modulation, HIDDEN) + 2 * conv(HIDDEN, channels)
    return 2 * (spade + conv(channels, channels))


def adain_block(channels: int) -> int:
    return 2 * ((300 + 1) * 2 * channels + conv(channels, channels))


def spade_macs(side: int, channels: int, modulation: int) -> int:
    per_pixel = 9 * (modulation * HIDDEN + 2 * HIDDEN * channels + channels * channels)
    return 2 * side * side * per_pixel


def adain_macs(side: int, channels: int) -> int:
    return 2 * (side * side * 9 * channels * channels + 300 * 2 * channels)


def encoder_macs(planes: int) -> int:
    return 256**2 * 49 * planes * 32 + 128**2 * 9 * 32 * 128 + 64**2 * 9 * 128 * 512


@pytest.fixture(scope="module")
def base() -> Base:
    with torch.device("meta"):
        network = Base()
    network.eval()
    return network


def meta(*shape: int) -> Any:
    return torch.empty(shape, device="meta")


def test_parameters_are_those_of_the_tables(base: Base) -> None:
    encoders = sum(conv(p, 32, 7) + conv(32, 128) + conv(128, 512) for p in (6, 9))
    flow = 3 * spade_block(512, 9) + spade_block(128, 9) + conv(32, 2, 7)
    rendering = sum(spade_block(c, c) + adain_block(c) for c in (32, 128, 512))
    rendering += spade_block(32, 3) + conv(32, 3, 7)
    assert count_parameters(base) == encoders + flow + rendering == 39_195_653


def test_macs_are_those_of_the_tables(base: Base) -> None:
    image, pncc, past = meta(1, 3, 256, 256), meta(1, 3, 256, 256), meta(1, 6, 256, 256)
    features = base.encode(image, pncc)
    assert count_macs(base, lambda: base.encode(image, pncc)) == encoder_macs(6)
    flow = 3 * spade_macs(64, 512, 9) + spade_macs(128, 128, 9) + 256**2 * 49 * 32 * 2
    rendering = encoder_macs(9) + 256**2 * 49 * 32 * 3 + spade_macs(256, 32, 3)
    for side, channels in ((64, 512), (128, 128), (256, 32)):
        rendering += spade_macs(side, channels, channels) + adain_macs(side, channels)
    macs = count_macs(base, lambda: base.generate(pncc, features, past, meta(1, 300)))
    assert macs == flow + rendering
    assert macs / 1e9 == pytest.approx(212, abs=0.5)


def test_every_layer_has_the_tables_output_shape(base: Base) -> None:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            shapes[name] = tuple(output.shape[1:])

        return hook

    handles = [
        layer.register_forward_hook(note(name))
        for name, layer in base.named_modules()
        if name.count(".") <= 2 and name and not name.endswith("encoder")
    ]
    h = base.encode(meta(2, 3, 256, 256), meta(2, 3, 256, 256))
    generated = base.generate(meta(2, 3, 256, 256), h, meta(2, 6, 256, 256), meta(2, 300))
    for handle in handles:
        handle.remove()
    assert [tuple(one.shape[1:]) for one in h] == [
        (3, 256, 256),
        (32, 256, 256),
        (128, 128, 128),
        (512, 64, 64),
    ]
    assert [shapes[f"flow.blocks.{i}"] for i in range(3)] == [(512, 64, 64)] * 3
    assert shapes["flow.block_half"] == (128, 128, 128)
    assert shapes["flow.leave"] == (2, 256, 256)
    widths = [(32, 256, 256), (128, 128, 128), (512, 64, 64)]
    assert [shapes[f"rendering.spade.{i}"] for i in range(3)] == widths
    assert [shapes[f"rendering.audio.{i}"] for i in range(3)] == widths
    assert shapes["rendering.spade_picture"] == (32, 256, 256)
    assert generated.image.shape == generated.warped.shape == (2, 3, 256, 256)


def test_silence_stands_for_missing_audio() -> None:
    torch.manual_seed(0)
    tiny = Base(BaseConfig(size=64, widths=(4, 16, 64))).eval()
    image, pncc, past = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), torch.rand(1, 6, 64, 64)
    with torch.no_grad():
        without = tiny(image, pncc, pncc, past).image
        silent = tiny(image, pncc, pncc, past, torch.zeros(1, 300)).image
        spoken = tiny(image, pncc, pncc, past, torch.ones(1, 300)).image
    assert torch.equal(without, silent)
    assert not torch.equal(without, spoken)
