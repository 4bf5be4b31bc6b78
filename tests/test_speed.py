"""What is timed is what is exported: pictures of back ends against the network's own."""

import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from torch import Tensor  # noqa: E402

from benchmarks.gpu_plan import BACK_ENDS, TINY  # noqa: E402
from export.networks.counts import count_parameters  # noqa: E402
from export.speed import back_ends  # noqa: E402
from export.speed.processor import open_processor  # noqa: E402
from export.speed.subject import Subject  # noqa: E402
from export.speed.torch_runner import TorchRunner  # noqa: E402
from export.speed.unavailable import UnavailableError, explained  # noqa: E402
from shared.number_format import NumberFormat  # noqa: E402


def pictures(kind: str, number_format: NumberFormat, *, recorded: bool = False) -> Tensor:
    """Of two frames, the same for each format."""
    processor = open_processor(kind)
    subject = Subject.build("base-half", TINY["base-half"], number_format, processor)
    torch.manual_seed(1)
    runner = TorchRunner(subject, 2, compiled=False, recorded=recorded)
    runner.run()
    processor.synchronize()
    return runner.picture.float().cpu()


@pytest.mark.parametrize("number_format", [NumberFormat.FLOAT16, NumberFormat.BFLOAT16])
def test_narrow_formats_make_nearly_the_same_pictures(number_format: NumberFormat) -> None:
    expected = pictures("cpu", NumberFormat.FLOAT32)
    found = pictures("cpu", number_format)
    assert found.shape == expected.shape == (2, 3, 64, 64)
    difference = (found - expected).abs().max().item()
    assert 0 < difference < {NumberFormat.FLOAT16: 0.01, NumberFormat.BFLOAT16: 0.08}[number_format]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_recording_makes_the_same_pictures() -> None:
    layer_by_layer = pictures("cuda", NumberFormat.FLOAT16)
    recorded = pictures("cuda", NumberFormat.FLOAT16, recorded=True)
    assert torch.allclose(recorded, layer_by_layer, atol=2e-3)


def test_a_frame_moves_its_weights_once_and_its_planes_each_time() -> None:
    subject = Subject.build(
        "base-half", TINY["base-half"], NumberFormat.FLOAT32, open_processor("cpu")
    )
    one, two, three = (subject.bytes_moved(batch) for batch in (1, 2, 3))
    planes = 64 * 64 * (3 + 3 + 6 + 3)  # conditions, the reference, past pncc; the picture
    features = 64 * 64 * 2 + 32 * 32 * 8 + 16 * 16 * 32
    assert two - one == three - two == 4 * (planes + features + 300)
    network = subject.network
    weights = count_parameters(network) - count_parameters(network.get_submodule("encoder"))
    assert one - (two - one) == 4 * weights


def test_names_of_back_ends_are_those_that_are_opened() -> None:
    assert tuple(back_ends.BACK_ENDS) == BACK_ENDS


def test_whatever_is_raised_becomes_one_line() -> None:
    with pytest.raises(UnavailableError) as caught, explained():
        raise RuntimeError("out of memory\ntried to allocate")
    assert str(caught.value) == "RuntimeError: out of memory"
    with pytest.raises(UnavailableError, match=r"^a GPU is needed$"), explained():
        raise UnavailableError("a GPU is needed")
