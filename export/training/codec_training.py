"""Training of the parameter codec's context weights and tables; `shared.symbol_model` uses them.

The transitions that a call codes (from a message's base to its first frame, and on to its next
ones) are made by the encoder itself from fitted clips, for several delays of the link. Weights
then minimise the length of a discretised Laplace code by gradient descent; tables are what was
counted in each context, mixed with that Laplace. As the encoder's choices depend on the tables,
all of it is done twice.

Seeded and on one thread: the same clips give the same bytes again on one machine.
"""

from collections.abc import Callable, Sequence

import torch

from export.codec_tables import CodecFields, FittedClip
from export.training.codec_context import CLASSES, ContextModel
from export.training.codec_frequencies import counted_tables, laplace_tables
from export.training.codec_transitions import intra_frames, transitions
from shared.codec_tables import tables_from_fields
from shared.quantization import SYMBOL_COUNT, Precision

_ROUNDS = 2
_STEPS = 700


def train_codec(
    clips: Sequence[FittedClip], start: CodecFields, *, report: Callable[[str], None]
) -> CodecFields:
    """The file's fields. `start`: version, order, feedback and prices, which are kept.

    Leaves torch on one thread: how many share a sum decides its last bits.
    """
    torch.set_num_threads(1)
    torch.manual_seed(1)
    fields = {**_untrained(), **start}
    for turn in range(_ROUNDS):
        tables = tables_from_fields(fields)
        for name, data in (
            ("intra", intra_frames(clips, tables)),
            ("predicted", transitions(clips, tables)),
        ):
            model = ContextModel(data, tables.order, is_intra=name == "intra")
            model.fit(data, steps=_STEPS, rate=0.03)
            model.prune()
            bits = model.fit(data, steps=_STEPS // 2, rate=0.01)
            fields[name] = model.fields()
            if name == "predicted":
                activities = data.activities[data.precisions == Precision.STANDARD].mean(0)
                fields["start_activity"] = (256 * activities).round().int().tolist()
            report(f"round {turn + 1}, {name}: {bits:.2f} bits a frame over all precisions")
        fields["tables"] = counted_tables(clips[::2], tables_from_fields(fields))
    return fields


def _untrained() -> CodecFields:
    """Laplace tables, every parameter alike, no prediction but the frame before."""

    def weights(classes: int) -> CodecFields:
        rows = [[0] * SYMBOL_COUNT] * classes
        return {
            "velocity": rows,
            "shrink": rows,
            "bias": rows,
            "scale": rows,
            "precision_scale": [[8 * (1 - precision)] * SYMBOL_COUNT for precision in Precision],
            "activity": [0] * SYMBOL_COUNT,
            "spread": [64] * SYMBOL_COUNT,
            "cross": [[]] * SYMBOL_COUNT,
        }

    return {
        "tables": laplace_tables(),
        "intra": weights(1),
        "predicted": weights(CLASSES),
        "start_activity": [64] * SYMBOL_COUNT,
    }
