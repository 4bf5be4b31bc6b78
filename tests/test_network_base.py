"""HeadGAN's generator against tables 4 and 5 of the paper."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.networks.base import BASE_HALF, Base, BaseConfig  # noqa: E402
from export.networks.counts import count_macs, count_parameters  # noqa: E402

BASE = BaseConfig()
CONFIGS = pytest.mark.parametrize("config", [BASE, BASE_HALF], ids=["base", "base-half"])


def conv(planes: int, channels: int, kernel: int = 3) -> int:
    """Weights and biases."""
    return channels * (planes * kernel * kernel + 1)


def spade_block(channels: int, modulation: int, hidden: int) -> int:
    spade = conv(modulation, hidden) + 2 * conv(hidden, channels)
    return 2 * (spade + conv(channels, channels))


def adain_block(channels: int) -> int:
    return 2 * ((300 + 1) * 2 * channels + conv(channels, channels))


def spade_macs(side: int, channels: int, modulation: int, hidden: int) -> int:
    per_pixel = 9 * (modulation * hidden + 2 * hidden * channels + channels * channels)
    return 2 * side * side * per_pixel


def adain_macs(side: int, channels: int) -> int:
    return 2 * (side * side * 9 * channels * channels + 300 * 2 * channels)


def encoder_macs(planes: int, widths: tuple[int, int, int]) -> int:
    c1, c2, c3 = widths
    return 256**2 * 49 * planes * c1 + 128**2 * 9 * c1 * c2 + 64**2 * 9 * c2 * c3


def on_meta(config: BaseConfig) -> Base:
    with torch.device("meta"):
        network = Base(config)
    network.eval()
    return network


def meta(*shape: int) -> Any:
    return torch.empty(shape, device="meta")


@CONFIGS
def test_parameters_are_those_of_the_tables(config: BaseConfig) -> None:
    (c1, c2, c3), hidden = config.widths, config.spade_hidden
    encoders = sum(conv(p, c1, 7) + conv(c1, c2) + conv(c2, c3) for p in (6, 9))
    flow = 3 * spade_block(c3, 9, hidden) + spade_block(c2, 9, hidden) + conv(c1, 2, 7)
    rendering = sum(spade_block(c, c, hidden) + adain_block(c) for c in config.widths)
    rendering += spade_block(c1, 3, hidden) + conv(c1, 3, 7)
    expected = {BASE: 39_195_653, BASE_HALF: 7_735_901}[config]
    assert count_parameters(on_meta(config)) == encoders + flow + rendering == expected


@CONFIGS
def test_macs_are_those_of_the_tables(config: BaseConfig) -> None:
    base, (c1, c2, c3), hidden = on_meta(config), config.widths, config.spade_hidden
    image, pncc, past = meta(1, 3, 256, 256), meta(1, 3, 256, 256), meta(1, 6, 256, 256)
    features = base.encode(image, pncc)
    assert count_macs(base, lambda: base.encode(image, pncc)) == encoder_macs(6, config.widths)
    flow = 3 * spade_macs(64, c3, 9, hidden) + spade_macs(128, c2, 9, hidden)
    flow += 256**2 * 49 * c1 * 2
    rendering = encoder_macs(9, config.widths) + 256**2 * 49 * c1 * 3
    rendering += spade_macs(256, c1, 3, hidden)
    for side, channels in ((64, c3), (128, c2), (256, c1)):
        rendering += spade_macs(side, channels, channels, hidden) + adain_macs(side, channels)
    macs = count_macs(base, lambda: base.generate(pncc, features, past, meta(1, 300)))
    assert macs == flow + rendering
    assert macs / 1e9 == pytest.approx({BASE: 212, BASE_HALF: 41}[config], abs=0.5)


@CONFIGS
def test_every_layer_has_the_tables_output_shape(config: BaseConfig) -> None:
    base, (c1, c2, c3) = on_meta(config), config.widths
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
        (c1, 256, 256),
        (c2, 128, 128),
        (c3, 64, 64),
    ]
    assert [shapes[f"flow.blocks.{i}"] for i in range(3)] == [(c3, 64, 64)] * 3
    assert shapes["flow.block_half"] == (c2, 128, 128)
    assert shapes["flow.leave"] == (2, 256, 256)
    widths = [(c1, 256, 256), (c2, 128, 128), (c3, 64, 64)]
    assert [shapes[f"rendering.spade.{i}"] for i in range(3)] == widths
    assert [shapes[f"rendering.audio.{i}"] for i in range(3)] == widths
    assert shapes["rendering.spade_picture"] == (c1, 256, 256)
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
