"""MODEL_CARD.md of a bundle: what it is, learnt from, reaches, and where it fails."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from export.card_tables import data_table, markdown_table, quality_tables, trials_table
from export.fidelity import Fidelity
from export.networks.counts import count_macs, count_parameters
from export.networks.family import network_sizes
from export.networks.interface import GeneratorNetwork
from export.provenance import ClipSource
from export.training.checkpoint import Checkpoint
from export.training.reports import read_metrics
from export.training.validation import Scores
from shared.number_format import NumberFormat

_SHOWN_ROWS = 8
"""Of the validation's table."""


@dataclass(frozen=True, slots=True)
class CardMaterial:
    """What a card tells beside what the training's own records do."""

    sources: Sequence[ClipSource]
    """Of all that was trained on."""

    quality: Sequence[Path] = ()
    """Reports of `benchmarks quality --json`."""

    trials: Path | None = None
    """CSV file of variants that were tried."""

    failures: Sequence[str] = ()
    """Lines of Markdown that show pictures."""


def model_card(
    network: GeneratorNetwork,
    checkpoint: Checkpoint,
    *,
    version: str,
    material: CardMaterial,
    number_format: NumberFormat,
    fidelity: Fidelity,
) -> str:
    """Markdown; metrics.csv of the training is looked for beside the checkpoint.

    `fidelity` of the bundle's pictures, in `number_format`, to the network's in float32.

    Raises ArtifactError for a report or table that cannot be read.
    """
    metrics = read_metrics(checkpoint.path.parent)
    quality = [line for path in material.quality for line in quality_tables(path)]
    trials = [] if material.trials is None else trials_table(material.trials)
    spec = network.spec
    sections = [
        f"# Model card: {spec.name} {version}",
        "",
        f"{_WHAT}, a picture of {spec.size} x {spec.size} out.",
        "",
        *_size_table(network, number_format, fidelity),
        "",
        _USE,
        "## What it reaches",
        "",
        *(quality or ["No measurements were given.", ""]),
        "Mean and standard deviation over clips of people that it was not trained on; what is",
        "measured how, docs/quality.md says.",
        "",
        "## Where it fails",
        "",
        *(material.failures or ["No pictures were given.", ""]),
        _LIMITS,
        "## Data",
        "",
        *data_table(material.sources),
        "",
        _LICENCE,
        *([network.notice, ""] if network.notice else []),
        "## Training",
        "",
        *_training_table(network, checkpoint, metrics),
        "",
        "Validation of the averaged weights while it was trained:",
        "",
        *_validation_table(metrics),
        "",
        "## Variants tried",
        "",
        *(trials or ["No table was given."]),
    ]
    return "\n".join(sections) + "\n"


_WHAT = (
    "A generator of talking heads for video calls: face parameters and a few reference pictures in"
)

_USE = """\
## Intended use

Calls in which a person drives a picture of themselves and the other side is told that the picture
is rebuilt, as the page does. Research on calls at a few kilobits per second.

Not for showing a person saying or doing what they did not, not for identifying or judging anybody
by the picture, and not where a wrong picture does harm (medicine, evidence, examinations).
"""

_LIMITS = """\
## Limits

- What no reference shows is invented: a side of the head, teeth, closed eyes, what lies behind.
  The more the pose differs from every reference, the more is invented.
- One head with shoulders before a background that stands still. Hands, objects, other people and
  glasses put on during a call are not rebuilt.
- Gaze and lids follow 28 expression coefficients: small movements of either are lost.
- It can look real and be wrong. Whoever shows the picture has to say that it is rebuilt.
- The people it learnt from were not chosen to stand for everybody; how it does by skin, age, hair
  or glasses was not measured.
"""

_LICENCE = """\
Minutes count 25 frames a second. Clips of repositories whose licence is marked non-commercial
were left out, and the export refuses them.

## Licence

The code is Apache-2.0. These weights are for evaluation only: they were trained on footage of
people who did not agree to this use, and the licence of a repository seldom covers the footage
that it shows. To use it otherwise, train on footage that is yours to use:

    python -m export prepare --data YOUR_CLIPS --out prepared/train
    python -m export prepare --data OTHER_PEOPLES_CLIPS --out prepared/val
    python -m export train --data prepared/train --out trained --minutes 600
    python -m export onnx --checkpoint trained/checkpoint.pt --data prepared/train --out bundle
"""


def _size_table(
    network: GeneratorNetwork, number_format: NumberFormat, fidelity: Fidelity
) -> list[str]:
    spec = network.spec
    network = deepcopy(network)
    network.fold()  # as it runs
    encoder, frame = _macs(network)
    history = f", and pncc of {spec.history} past frames" if spec.history else ""
    return markdown_table(
        ["", ""],
        [
            ["parameters", f"{count_parameters(network) / 1e6:.2f} M"],
            ["a frame", f"{frame / 1e9:.3f} GMAC"],
            ["a reference, once", f"{encoder / 1e9:.3f} GMAC"],
            ["conditions", f"{', '.join(spec.channels)} at {spec.condition_size}{history}"],
            ["weights and convolutions", number_format],
            ["pictures of noise, to the network's in fp32", fidelity.text()],
        ],
    )


def _macs(network: GeneratorNetwork) -> tuple[int, int]:
    """Of `encode` and `generate`, for one frame."""
    spec = network.spec
    image = torch.zeros(1, 3, spec.size, spec.size)
    conditions = torch.zeros(1, spec.condition_channels, spec.condition_size, spec.condition_size)
    past = torch.zeros(1, 3 * spec.history, *conditions.shape[2:]) if spec.history else None
    with torch.no_grad():
        features = network.encode(image, conditions)
        encoder = count_macs(network, lambda: network.encode(image, conditions))
        frame = count_macs(network, lambda: network.generate(conditions, features, past))
    return encoder, frame


def _training_table(
    network: GeneratorNetwork, checkpoint: Checkpoint, rows: list[dict[str, float]]
) -> list[str]:
    done = checkpoint.state["samples"]
    planned = asdict(checkpoint.plan)
    table = [["samples (driving frames)", f"{done} of {planned.pop('samples')}"]]
    if rows:
        table.append(["hours", f"{rows[-1]['seconds'] / 3600:.1f}"])
    table += [[name.replace("_", " "), _text(value)] for name, value in planned.items()]
    table += [
        [f"size: {name.replace('_', ' ')}", _text(value)]
        for name, value in network_sizes(network).items()
    ]
    return markdown_table(["", ""], table)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _validation_table(rows: list[dict[str, float]]) -> list[str]:
    if not rows:
        return ["No metrics.csv was found beside the checkpoint."]
    names = ["samples", *(field.name for field in fields(Scores))]
    step = -(-len(rows) // _SHOWN_ROWS)
    shown = rows[::-1][::step][::-1]  # the last among them
    return markdown_table(
        names,
        [[f"{row[name]:.6g}" if name in row else "-" for name in names] for row in shown],
    )
