"""MODEL_CARD.md of a bundle: what the training's own records tell; the rest is to be written."""

from pathlib import Path

import torch

from export.networks.counts import count_macs, count_parameters
from export.networks.family import network_sizes
from export.networks.interface import GeneratorNetwork
from export.training.checkpoint import Checkpoint
from export.training.reports import read_metrics

CARD_NAME = "MODEL_CARD.md"


def model_card(
    network: GeneratorNetwork, checkpoint: Checkpoint, folder: Path, *, training_data: str
) -> str:
    """Markdown; `folder` is the training's, with its metrics.csv."""
    spec, plan = network.spec, checkpoint.plan
    rows = read_metrics(folder)
    hours = rows[-1]["seconds"] / 3600 if rows else 0.0
    encoder_macs, frame_macs = _macs(network)
    adversarial = f"the last {plan.adversarial_share:.0%} with discriminators"
    text = f"""# Model card: {spec.name}

A generator of talking heads for video calls: face parameters and a reference picture in, a
picture of {spec.size} x {spec.size} out.

| | |
|---|---|
| parameters | {count_parameters(network) / 1e6:.2f} M |
| a frame | {frame_macs / 1e9:.3f} GMACs |
| a reference, once | {encoder_macs / 1e9:.3f} GMACs |
| conditions | {", ".join(spec.channels)} at {spec.condition_size} |
| sizes | {network_sizes(network)} |
| samples | {checkpoint.state["samples"]} of {plan.samples}, {adversarial} |
| hours of training | {hours:.1f} |
| data | {training_data} |

## Intended use

Calls in which a person drives a picture of themselves and the other side knows that the picture
is rebuilt. Not for showing a person saying what they did not say.

## Licence and data

The weights are for evaluation. They were trained on footage whose repositories' licences seldom
cover the footage itself; clips marked non-commercial were left out. `python -m export prepare`
and `python -m export train` make weights from your own.

## Validation during training

People who were not trained on; the nearest of four references.

"""
    return text + "\n".join(_table(rows)) + "\n"


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


def _table(rows: list[dict[str, float]]) -> list[str]:
    if not rows:
        return ["No metrics.csv was found beside the checkpoint."]
    names = ["samples", "psnr_db", "warped_psnr_db", "l1", "csim", "sharpness", "painted"]
    step = max(len(rows) // 8, 1)
    shown = [*rows[:-1:step], rows[-1]]
    return [
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(f"{row[name]:.4g}" for name in names) + " |" for row in shown),
    ]
