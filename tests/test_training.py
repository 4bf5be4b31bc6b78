"""Training: losses, steps, exact resumption, refusals."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from rich.console import Console  # noqa: E402

from export.networks.counts import count_macs  # noqa: E402
from export.networks.discriminators import (  # noqa: E402
    ImageDiscriminator,
    MouthDiscriminator,
    Verdict,
)
from export.networks.family import build_network  # noqa: E402
from export.networks.interface import Generated, GeneratorNetwork  # noqa: E402
from export.networks.lite import Lite  # noqa: E402
from export.onnx_command import command as export_command  # noqa: E402
from export.provenance import ClipSource, write_sources  # noqa: E402
from export.training.batches import Batch  # noqa: E402
from export.training.checkpoint import CHECKPOINT_NAME, load_checkpoint  # noqa: E402
from export.training.losses import (  # noqa: E402
    L1_WEIGHT,
    LossScales,
    PictureMeasure,
    cut_mouths,
    discriminator_loss,
    matching_loss,
)
from export.training.plan import Plan  # noqa: E402
from export.training.recognition import RecognitionNetwork  # noqa: E402
from export.training.reports import read_metrics  # noqa: E402
from export.training.train import TrainingRun, train  # noqa: E402
from export.training.trainer import Trainer  # noqa: E402
from shared.bundle import load_bundle  # noqa: E402
from shared.errors import ArtifactError, ConfigError  # noqa: E402
from shared.number_format import NumberFormat  # noqa: E402
from tests.prepared import prepared_clip, prepared_folder  # noqa: E402
from tests.tiny_lite import TINY  # noqa: E402

_BLOCKS = (
    [(2, 64, 64)] * 5 + [(4, 64, 128)] + [(2, 128, 128)] * 6 + [(4, 128, 128)] + [(2, 128, 128)] * 2
)


def recognition_arrays() -> dict[str, np.ndarray]:
    """Seeded arrays of MobileFaceNet's names and shapes."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        fan = np.prod(shape[1:])
        arrays[f"{name}.weight"] = rng.normal(size=shape).astype(np.float32) / fan**0.5
        channels = shape[0]
        arrays[f"{norm}.weight"] = np.ones(channels, np.float32)
        arrays[f"{norm}.bias"] = np.zeros(channels, np.float32)
        arrays[f"{norm}.running_mean"] = np.zeros(channels, np.float32)
        arrays[f"{norm}.running_var"] = np.ones(channels, np.float32)

    def prelu(name: str, channels: int) -> None:
        arrays[f"{name}.weight"] = np.full(channels, 0.25, np.float32)

    conv("conv1.conv", "conv1.bn", 64, 3, 3, 3)
    prelu("conv1.prelu", 64)
    conv("dw_conv1.conv", "dw_conv1.bn", 64, 1, 3, 3)
    prelu("dw_conv1.prelu", 64)
    for number, (expansion, inputs, outputs) in enumerate(_BLOCKS):
        name, wide = f"blocks.{number}.conv", expansion * inputs
        conv(f"{name}.0", f"{name}.1", wide, inputs, 1, 1)
        prelu(f"{name}.2", wide)
        conv(f"{name}.3", f"{name}.4", wide, 1, 3, 3)
        prelu(f"{name}.5", wide)
        conv(f"{name}.6", f"{name}.7", outputs, wide, 1, 1)
    conv("conv2.conv", "conv2.bn", 512, 128, 1, 1)
    prelu("conv2.prelu", 512)
    conv("linear7.conv", "linear7.bn", 512, 1, 7, 6)
    conv("linear1.conv", "linear1.bn", 128, 512, 1, 1)
    return arrays


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("material")
    prepared_folder(folder / "train", prepared_clip("a", 6), prepared_clip("s", 1, seed=2))
    prepared_folder(folder / "val", prepared_clip("v", 4, seed=3))
    np.savez(folder / "recognition.npz", allow_pickle=False, **recognition_arrays())
    return folder


def piece(material: Path, out: Path, *, data: str = "train", minutes: float = 5.0) -> TrainingRun:
    return TrainingRun(
        data=material / data,
        validation=material / "val",
        recognition=material / "recognition.npz",
        out=out,
        minutes=minutes,
        report_minutes=99,
        workers=0,
    )


QUIET = Console(file=io.StringIO())


def plan(samples: int, adversarial_share: float = 0.15) -> Plan:
    return Plan(
        samples=samples,
        references=1,
        drivings=2,
        warm_up=2,
        adversarial_share=adversarial_share,
    )


BASE_SIZES = {"widths": [2, 8, 32], "spade_hidden": 4}


def lite() -> Lite:
    torch.manual_seed(0)
    return Lite(TINY)


def test_a_training_in_two_pieces_is_one_training(material: Path, tmp_path: Path) -> None:
    whole = plan(8, adversarial_share=0.5)
    straight = train(piece(material, tmp_path / "one"), lite(), whole, resume=False, console=QUIET)
    train_two_steps(piece(material, tmp_path / "two"), lite(), whole)
    resumed = train(piece(material, tmp_path / "two"), lite(), whole, resume=True, console=QUIET)
    assert straight.samples == resumed.samples == 8
    for one, two in zip(
        straight.state()["network"].values(), resumed.state()["network"].values(), strict=True
    ):
        assert torch.equal(one, two)
    for one, two in zip(straight.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(one, two)
    assert straight.scales == resumed.scales
    assert straight.scales.matching > 0  # discriminators took part
    for name in (CHECKPOINT_NAME, "metrics.csv", "curves.png", "samples.png"):
        assert (tmp_path / "two" / name).stat().st_size > 0
    assert [row["samples"] for row in read_metrics(tmp_path / "two")] == [4, 8]
    assert load_checkpoint(tmp_path / "two" / CHECKPOINT_NAME).build_average().spec.name == "lite"


def train_two_steps(run: TrainingRun, network: GeneratorNetwork, whole: Plan) -> None:
    """As if its minutes were over after two steps."""
    answers = iter([False, False, True])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.training.train._Loop._is_over", lambda _: next(answers))
        train(run, network, whole, resume=False, console=QUIET)


def test_base_learns_from_a_batch_without_a_mask() -> None:
    torch.manual_seed(0)
    network = build_network("base-half", BASE_SIZES)
    whole = Plan(samples=2, references=1, drivings=2, warm_up=2, adversarial_share=1)
    recognition = RecognitionNetwork(recognition_arrays())
    trainer = Trainer(network, recognition, whole, torch.device("cpu"))
    before = [parameter.clone() for parameter in network.parameters()]
    batch = Batch(
        reference=torch.randint(0, 255, (1, 3, 256, 256), dtype=torch.uint8),
        own_conditions=torch.rand(1, 3, 256, 256),
        targets=torch.randint(0, 255, (2, 3, 256, 256), dtype=torch.uint8),
        conditions=torch.rand(2, 3, 256, 256).round(),
        past_pncc=torch.rand(2, 6, 256, 256),
        flows=torch.zeros(2, 3, 64, 64),
        alignments=torch.tensor([[0.4, 0, 0], [0, 0.5, 0]]).repeat(2, 1, 1),
        mouths=torch.zeros(2, 2),
    )
    report = trainer.step(batch.to(trainer.device))
    assert report.l1 > 0
    assert report.discriminator > 0
    assert trainer.samples == 2
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)


@pytest.mark.slow
def test_base_is_trained_in_pieces_and_exported(material: Path, tmp_path: Path) -> None:
    """Two frames of history, no mask, no preview: all that lite has otherwise."""
    torch.manual_seed(0)
    begun = build_network("base-half", BASE_SIZES).state_dict()

    def base() -> GeneratorNetwork:
        network = build_network("base-half", BASE_SIZES)
        network.load_state_dict(begun)
        return network

    whole = Plan(samples=3, references=1, drivings=1, warm_up=2, adversarial_share=0.5)
    straight = train(piece(material, tmp_path / "one"), base(), whole, resume=False, console=QUIET)
    train_two_steps(piece(material, tmp_path / "two"), base(), whole)
    resumed = train(piece(material, tmp_path / "two"), base(), whole, resume=True, console=QUIET)
    for name, one in straight.state()["network"].items():
        assert torch.equal(one, resumed.state()["network"][name])
        assert not torch.equal(one, begun[name])
    out = tmp_path / "bundle"
    sources = [ClipSource(name, name, 6, "some/where", "MIT") for name in ("a", "s")]
    write_sources(material / "train", sources)
    export_command(
        tmp_path / "two" / CHECKPOINT_NAME,
        data=material / "train",
        out=out,
        network="base-half",
        precision=NumberFormat.FLOAT16,
    )
    assert load_bundle(out).manifest.history == 2


def test_an_unknown_device_is_refused(material: Path, tmp_path: Path) -> None:
    run = replace(piece(material, tmp_path / "out"), device="tpu")
    with pytest.raises(ConfigError) as refused:
        train(run, lite(), plan(2), resume=False, console=QUIET)
    assert str(refused.value) == "device 'tpu', cpu or cuda is possible"


def test_training_lowers_the_loss(material: Path, tmp_path: Path) -> None:
    run = piece(material, tmp_path / "out")
    trainer = train(run, lite(), plan(60, adversarial_share=0), resume=False, console=QUIET)
    scores = read_metrics(tmp_path / "out")[-1]
    assert trainer.samples == 60
    assert np.isfinite(list(scores.values())).all()
    assert 0 < scores["painted"] < 1


def test_a_second_training_does_not_overwrite_the_first(material: Path, tmp_path: Path) -> None:
    run = piece(material, tmp_path / "out")
    train(run, lite(), plan(2), resume=False, console=QUIET)
    with pytest.raises(ArtifactError, match="--resume goes on with it"):
        train(run, lite(), plan(2), resume=False, console=QUIET)
    with pytest.raises(ArtifactError, match="planned as"):
        train(run, lite(), plan(4), resume=True, console=QUIET)


def test_people_of_validation_may_not_be_trained_on(material: Path, tmp_path: Path) -> None:
    run = piece(material, tmp_path / "out", data="val")
    with pytest.raises(ArtifactError, match="v in training and validation"):
        train(run, lite(), plan(2), resume=False, console=QUIET)


def test_resuming_nothing_is_refused(material: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not found"):
        train(piece(material, tmp_path / "out"), lite(), plan(2), resume=True, console=QUIET)


def test_weights_of_another_recognition_network_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", fc=np.zeros(3))
    for path in (tmp_path / "other.npz", tmp_path / "missing.npz"):
        with pytest.raises(ArtifactError, match="the weights of MobileFaceNet are expected"):
            RecognitionNetwork.load(path)


def test_a_plan_needs_a_batch() -> None:
    with pytest.raises(ConfigError, match="at least one batch"):
        Plan(samples=3, references=2, drivings=2)


def test_the_rate_rises_and_falls() -> None:
    whole = Plan(samples=1200, references=1, drivings=1, warm_up=100)
    rates = [whole.rate(samples) for samples in (0, 99, 600, 1199)]
    assert rates[0] < rates[1]
    assert rates[1] > rates[2] > rates[3] > 0
    assert not whole.is_adversarial(1000)
    assert whole.is_adversarial(1020)


def test_the_perceptual_loss_starts_half_as_large() -> None:
    torch.manual_seed(0)
    measure = PictureMeasure(RecognitionNetwork(recognition_arrays()))
    picture, target = torch.rand(2, 3, 256, 256) * 2 - 1, torch.rand(2, 3, 256, 256) * 2 - 1
    alignments = torch.tensor([[0.4, 0, 0], [0, 0.5, 0]]).repeat(2, 1, 1)
    generated = Generated(image=picture, warped=target, mask=None)
    own, warped = measure.terms(generated, target, torch.ones(2, 1, 64, 64), alignments)
    scales = LossScales()
    scales.learn(own)
    assert scales.picture_loss(own).item() == pytest.approx(
        1.5 * L1_WEIGHT * own.l1.item(), rel=1e-3
    )
    assert scales.picture_loss(warped).item() == pytest.approx(0, abs=1e-4)


def test_a_mouth_is_cut_out_pixel_for_pixel() -> None:
    picture = torch.rand(1, 3, 256, 256)
    centre = torch.tensor([[(100.0 - 128) / 128, (180.0 - 128) / 128]])
    torch.testing.assert_close(
        cut_mouths(picture, centre), picture[..., 148:212, 68:132], atol=1e-4, rtol=0
    )


def test_hinge_and_matching() -> None:
    real = Verdict(torch.tensor([2.0]), (torch.zeros(1),))
    fake = Verdict(torch.tensor([-0.5]), (torch.ones(1),))
    assert discriminator_loss(real, fake).item() == pytest.approx(0.5)
    assert matching_loss(real, fake).item() == pytest.approx(1.0)


def test_discriminators_cost_less_than_the_generator() -> None:
    with torch.device("meta"):
        image, mouth = ImageDiscriminator(), MouthDiscriminator(audio_size=300)
        pictures, pncc = torch.empty(2, 3, 256, 256), torch.empty(2, 3, 64, 64)
        macs = count_macs(image, lambda: image(pictures, pncc)) / 2
        verdict = mouth(torch.empty(2, 3, 64, 64), torch.empty(2, 300))
    assert macs <= 0.5e9
    assert verdict.score.shape == (2, 1, 16, 16)
    assert len(verdict.features) == 3
