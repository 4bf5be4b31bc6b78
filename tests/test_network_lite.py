"""The lite generator: sizes, counts, and what it does before it has learnt anything."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.networks.affine_motion import AffineMotion  # noqa: E402
from export.networks.counts import count_macs, count_parameters  # noqa: E402
from export.networks.lite import Lite  # noqa: E402
from export.networks.lite_config import LiteConfig  # noqa: E402
from export.networks.warping import pixel_centres, warp  # noqa: E402
from shared.channel import Channel  # noqa: E402
from tests.tiny_lite import TINY  # noqa: E402


def conv(side: int, planes: int, channels: int, kernel: int = 3) -> int:
    return side * side * kernel * kernel * planes * channels


def frame_macs(c: LiteConfig) -> int:
    m64, m32, m16 = c.motion
    b64, b32, b16 = c.motion_blocks
    motion = conv(64, 9, m64) + conv(64, 12, m64, 4) + conv(64, m64 + c.code + c.rest, m64, 1)
    motion += conv(32, m64, m32) + conv(16, m32, m16)
    motion += conv(16, m16, 4 * m32, 1) + conv(32, m32, 4 * m64, 1) + conv(64, m64, 15)
    motion += 2 * b64 * conv(64, m64, m64)
    motion += 4 * b32 * conv(32, m32, m32) + 2 * b16 * conv(16, m16, m16)
    body = conv(64, m64 + c.appearance + c.rest, c.body, 1)
    head = conv(128, c.body // 4 + c.detail, c.head, 1) + conv(128, 3, c.head, 2)
    head += c.head_convolutions * conv(128, c.head, c.head) + conv(128, c.head, 16)
    return motion + body + head


PERSON_MACS = 65_965_952
"""Of another's network, as counted; its layers are in `export.networks.person`."""


def encoder_macs(c: LiteConfig) -> int:
    e128, e64, e32, e16 = c.encoder
    macs = PERSON_MACS + conv(128, 12 + 9, e128) + 2 * conv(128, e128, e128)
    macs += conv(64, e128, e64) + 2 * conv(64, e64, e64)
    macs += conv(32, e64, e32) + 2 * conv(32, e32, e32)
    macs += conv(16, e32, e16) + 4 * conv(16, e16, e16)
    macs += conv(16, e16, 4 * e32, 1) + 2 * conv(32, e32, e32)
    macs += conv(32, e32, 4 * e64, 1) + 2 * conv(64, e64, e64)
    details = c.detail + c.head
    macs += conv(64, e64, c.appearance + c.rest + c.code, 1)
    return macs + conv(64, e64, 4 * details, 1) + conv(128, e128, details, 1)


@pytest.mark.parametrize("config", [LiteConfig(), LiteConfig(condition_size=64), TINY])
def test_macs_are_those_of_the_formulas(config: LiteConfig) -> None:
    side = config.condition_size
    with torch.device("meta"):
        lite = Lite(config)
        image, conditions = torch.empty(1, 3, 256, 256), torch.empty(1, 9, side, side)
        features = lite.encode(image, conditions)
        assert count_macs(lite, lambda: lite.encode(image, conditions)) == encoder_macs(config)
        macs = count_macs(lite, lambda: lite.generate(conditions, features))
    assert macs == frame_macs(config)


def test_the_shipped_size_is_within_its_budget() -> None:
    assert frame_macs(LiteConfig()) <= 1.2e9
    assert count_parameters(Lite()) <= 4e6


def test_features_and_pictures_have_the_shapes_of_the_docstring() -> None:
    lite = Lite(TINY).eval()
    with torch.no_grad():
        features = lite.encode(torch.rand(2, 3, 256, 256), torch.rand(2, 9, 128, 128))
        generated = lite.generate(torch.rand(2, 9, 128, 128) * 0.1, features)
    assert {
        name: tuple(one.shape[1:]) for name, one in zip(lite.spec.features, features, strict=True)
    } == {
        "image": (3, 256, 256),
        "small": (4, 128, 128),
        "appearance": (8, 64, 64),
        "rest": (4, 64, 64),
        "code": (4, 64, 64),
        "detail": (4, 128, 128),
        "rest_detail": (8, 128, 128),
    }
    assert generated.image.shape == generated.warped.shape == (2, 3, 256, 256)
    assert generated.mask is not None
    assert generated.mask.shape == (2, 1, 256, 256)


def show_one_layer(lite: Lite, layer: int) -> None:
    """Moved, carried or still alone, whatever the network thinks."""
    assert lite.motion.leave.bias is not None
    lite.motion.leave.bias.data[3:] = -20
    lite.motion.leave.bias.data[3 + 4 * layer : 7 + 4 * layer] = 20


@pytest.mark.parametrize("side", [64, 128])
def test_a_fresh_network_s_moved_layer_is_warped_by_the_mesh_alone(side: int) -> None:
    torch.manual_seed(0)
    lite = Lite(LiteConfig(condition_size=side)).eval()
    show_one_layer(lite, 0)
    image = torch.rand(1, 3, 256, 256) * 2 - 1
    conditions = torch.zeros(1, 9, side, side)
    conditions[:, 3] = 0.125  # 16 pixels of 256: the reference had it further to the right
    with torch.no_grad():
        generated = lite(image, torch.zeros_like(conditions), conditions)
    torch.testing.assert_close(generated.warped[..., :-16], image[..., 16:], atol=1e-4, rtol=0)
    assert generated.mask is not None
    assert 0.05 < float(generated.mask.mean()) < 0.25


def test_the_carried_layer_follows_the_head_everywhere_and_the_still_one_does_not() -> None:
    torch.manual_seed(0)
    lite = Lite().eval()
    image = torch.nn.functional.interpolate(
        torch.rand(1, 3, 16, 16) * 2 - 1, size=256, mode="bicubic"
    )
    conditions = torch.zeros(1, 9, 128, 128)
    conditions[:, 3, 32:96, 32:96] = 0.125
    conditions[:, 6, 32:96, 32:96] = 1
    show_one_layer(lite, 1)
    with torch.no_grad():
        carried = lite(image, torch.zeros_like(conditions), conditions).warped
        show_one_layer(lite, 2)
        still = lite(image, torch.zeros_like(conditions), conditions).warped
    torch.testing.assert_close(carried[..., :-16], image[..., 16:], atol=0.1, rtol=0)
    torch.testing.assert_close(still, image, atol=1e-4, rtol=0)


def test_a_preview_is_the_picture_of_layers_at_half_size() -> None:
    torch.manual_seed(0)
    lite = Lite(TINY).eval()
    image = torch.nn.functional.interpolate(
        torch.rand(1, 3, 16, 16) * 2 - 1, size=256, mode="bicubic"
    )
    conditions = torch.full((1, 9, 128, 128), 0.1)
    with torch.no_grad():
        features = lite.encode(image, conditions)
        preview = lite.preview(conditions, features)
        blended = lite.generate(conditions, features).warped
    smaller = torch.nn.functional.avg_pool2d(blended, 2)
    torch.testing.assert_close(preview.picture, smaller, atol=0.05, rtol=0)


def test_the_head_s_motion_is_the_affine_map_of_what_is_weighed() -> None:
    motion = AffineMotion(64)
    coefficients = torch.tensor([[[0.1, -0.2, 0.05], [0.15, 0.05, -0.1]]])
    flow = (coefficients @ motion.basis).reshape(1, 2, 64, 64)
    weight = torch.zeros(1, 1, 64, 64)
    weight[..., 12:44, 18:50] = 1
    elsewhere = torch.where(weight > 0, flow, torch.full_like(flow, 9.0))
    torch.testing.assert_close(motion(elsewhere, weight), flow, atol=0.01, rtol=0)
    assert motion(flow, torch.zeros_like(weight)).abs().max() < 1e-6


def test_planes_keep_their_size_through_the_layers() -> None:
    # By torch's own initialisation they shrank to a hundredth, and nothing was learnt.
    torch.manual_seed(0)
    lite = Lite()
    seen: dict[str, Any] = {}
    lite.motion.up_64.register_forward_hook(lambda *hook: seen.update(motion=hook[2]))
    lite.encoder.up_64.register_forward_hook(lambda *hook: seen.update(encoder=hook[2]))
    with torch.no_grad():
        lite(torch.rand(1, 3, 256, 256), torch.rand(1, 9, 128, 128), torch.rand(1, 9, 128, 128))
    assert all(0.3 < planes.std() < 5 for planes in seen.values())


def test_a_subset_of_conditions_is_found_by_name() -> None:
    channels = (Channel.DISPLACEMENT, Channel.MASK, Channel.PNCC)
    lite = Lite(LiteConfig(channels=channels, condition_size=64)).eval()
    show_one_layer(lite, 0)
    image = torch.rand(1, 3, 256, 256)
    conditions = torch.zeros(1, 7, 64, 64)
    conditions[:, 1] = -0.25
    with torch.no_grad():
        warped = lite(image, torch.zeros_like(conditions), conditions).warped
    torch.testing.assert_close(warped[..., 32:, :], image[..., :-32, :], atol=1e-4, rtol=0)


def test_warping_repeats_the_border() -> None:
    planes = torch.arange(16.0).reshape(1, 1, 4, 4)
    flow = torch.full((1, 2, 4, 4), 5.0)
    assert torch.equal(warp(planes, flow), torch.full((1, 1, 4, 4), 15.0))
    border = torch.nn.functional.grid_sample(
        planes,
        (pixel_centres(4, planes.device) + 0.3).permute(0, 2, 3, 1),
        padding_mode="border",
        align_corners=False,
    )
    torch.testing.assert_close(warp(planes, torch.full((1, 2, 4, 4), 0.3)), border)
