from pathlib import Path

import numpy as np
import pytest

from benchmarks.identity_kernels import bend, convolve_channels
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.perceptual_distance import perceptual_distance
from shared.errors import ArtifactError
from shared.tracker import FaceTracker
from tests.material import clip_frames, data_dir, faces_clips


def test_the_recognition_network_tells_people_apart() -> None:
    network = IdentityNetwork(data_dir() / "metrics" / "mobilefacenet.npz")
    embedded, features = [], []
    for path in faces_clips("val")[:3]:
        frames = list(clip_frames(path, 40))
        for frame in (frames[0], frames[-1]):
            (face, *_) = FaceTracker().track(frame)
            embedded.append(network.embed(frame, face.points))
            features.append(network.features(frame, face.points))
    assert perceptual_distance(features[0], features[0]) == 0
    own = [perceptual_distance(features[2 * i], features[2 * i + 1]) for i in range(3)]
    others = [perceptual_distance(features[i], features[i + 2]) for i in range(4)]
    assert 0 < max(own) < min(others) < 4
    similarity = np.array(embedded) @ np.array(embedded).T
    assert np.diag(similarity) == pytest.approx(1, abs=1e-5)
    same = [similarity[2 * i, 2 * i + 1] for i in range(3)]
    other = [similarity[i, j] for i in range(6) for j in range(6) if i // 2 != j // 2]
    assert min(same) > 0.5
    assert max(other) < 0.4


@pytest.mark.parametrize("stride", [1, 2])
def test_channels_are_convolved_each_with_its_own_taps(stride: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 6, 5)).astype(np.float32)
    taps, bias, slope = (
        rng.normal(size=shape).astype(np.float32) for shape in ((3, 3, 5), (5,), (5,))
    )
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    expected = np.einsum("yxcij,ijc->yxc", windows[::stride, ::stride], taps) + bias
    expected = np.where(expected > 0, expected, expected * slope)
    found = convolve_channels(x, taps, bias, slope, stride)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_prelu_bends_what_is_negative() -> None:
    x = np.array([[1, -2], [-3, 4]], np.float32)
    bend(x, np.array([1, 0], np.float32), np.array([0.5, 0.25], np.float32))
    np.testing.assert_array_equal(x, np.array([[2, -0.5], [-1, 4]], np.float32))


def test_weights_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="the weights of MobileFaceNet are expected"):
        IdentityNetwork(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ArtifactError, match="MobileFaceNet is expected"):
        IdentityNetwork(tmp_path / "other.npz")
