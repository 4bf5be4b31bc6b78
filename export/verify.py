"""Whether a bundle is what it says and what may be shipped; needs no torch."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from export.bundle_outputs import BundleGraphs
from export.fidelity import Fidelity
from export.golden import GOLDEN_NAME, SEED, TOLERANCES, largest_deviation, read_golden
from export.graph_facts import GraphFacts, graph_facts
from export.seeded_inputs import seeded_inputs
from shared.bundle import MANIFEST_NAME, Bundle, load_bundle
from shared.errors import ArtifactError, InferenceError
from shared.face_model import FaceModel
from shared.number_format import NumberFormat
from shared.onnx_generator import OnnxGenerator
from shared.parameters import FloatArray

OPSET = 17
CARD_NAME = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    name: str
    found: str
    allowed: str
    """Empty where nothing is asked for."""

    passed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a network that is shipped (DESIGN 5)."""

    megabytes: float = inf
    """10^6 bytes, of all its files."""

    million_parameters: float = inf
    frame_gigamacs: float = inf


_LIMITS = {
    "lite": Limits(megabytes=16, million_parameters=4, frame_gigamacs=1.2),
    "base-half": Limits(megabytes=16),
}
"""By name; of others sizes are shown and not judged."""

_TOGETHER = 3
"""Frames of the batch that is compared with its frames alone."""


def verify_bundle(folder: Path) -> list[Check]:
    """Every check that can be made; those that a failure stands in the way of are left out."""
    try:
        bundle = load_bundle(folder)
    except ArtifactError as err:
        return [Check("manifest and hashes", str(err), "", passed=False)]
    manifest = bundle.manifest
    listed = f"{manifest.name} {manifest.version}, {len(manifest.files)} files"
    checks = [
        Check("manifest and hashes", listed, "", passed=True),
        _face_model(bundle),
        *(_is_listed(bundle, name) for name in (GOLDEN_NAME, CARD_NAME)),
    ]
    try:
        OnnxGenerator(bundle).close()
        graphs = BundleGraphs(bundle)
        facts = [graph_facts(one) for one in (bundle.reference_encoder, bundle.frame_generator)]
    except ArtifactError as err:
        return [*checks, Check("names and shapes", str(err), "", passed=False)]
    shape = "x".join(map(str, manifest.condition_shape))
    checks.append(Check("names and shapes", f"conditions {shape}", "", passed=True))
    checks += _operators(*facts)
    checks += _sizes(folder, bundle, *facts)
    try:
        checks.append(_dynamic_batch(graphs, manifest.number_format))
        if GOLDEN_NAME in manifest.files:
            checks.append(_golden(folder, graphs, manifest.number_format))
    except (ArtifactError, InferenceError) as err:
        checks.append(Check("a run on ONNX Runtime", str(err), "", passed=False))
    return checks


def _face_model(bundle: Bundle) -> Check:
    trained, ours = bundle.manifest.face_model_version, FaceModel.load().version
    return Check("face model", f"version {trained}", f"version {ours}", passed=trained == ours)


def _is_listed(bundle: Bundle, name: str) -> Check:
    there = name in bundle.manifest.files
    return Check(name, "hashed" if there else "not in the manifest", "hashed", passed=there)


def _operators(encoder: GraphFacts, frame: GraphFacts) -> list[Check]:
    opsets = (encoder.opset, frame.opset)
    domains = {domain for facts in (encoder, frame) for domain in facts.domains} - {"", "ai.onnx"}
    ranks = encoder.grid_sample_ranks + frame.grid_sample_ranks
    return [
        Check("opset", ", ".join(map(str, opsets)), f"{OPSET}", passed=set(opsets) == {OPSET}),
        Check(
            "operators",
            f"of {', '.join(sorted(domains)) or 'ONNX'}",
            "of ONNX",
            passed=not domains,
        ),
        Check(
            "GridSample",
            f"{len(ranks)}, of {', '.join(map(str, sorted(set(ranks)))) or 'no'} dimensions",
            "4 dimensions",
            passed=set(ranks) <= {4},
        ),
    ]


def _sizes(folder: Path, bundle: Bundle, encoder: GraphFacts, frame: GraphFacts) -> list[Check]:
    names = (MANIFEST_NAME, *bundle.manifest.files)
    size = sum((folder / name).stat().st_size for name in names)
    limits = _LIMITS.get(bundle.manifest.name, Limits())
    return [
        _limited("size", size / 1e6, "MB", limits.megabytes),
        _limited(
            "parameters",
            (encoder.parameters + frame.parameters) / 1e6,
            "M",
            limits.million_parameters,
        ),
        _limited("a frame", frame.macs / 1e9, "GMAC", limits.frame_gigamacs),
        _limited("a reference, once", encoder.macs / 1e9, "GMAC", inf),
    ]


def _limited(name: str, found: float, unit: str, limit: float) -> Check:
    allowed = "" if limit == inf else f"<= {limit:g} {unit}"
    return Check(name, f"{found:.3f} {unit}", allowed, passed=found <= limit)


def _dynamic_batch(graphs: BundleGraphs, number_format: NumberFormat) -> Check:
    """Frames of a batch are what each is alone."""
    inputs = seeded_inputs(graphs.shapes, seed=SEED, batch=_TOGETHER)
    together = graphs.run(inputs)
    alone = [
        graphs.generate(_one(together.features, index), _one(inputs, index))
        for index in range(_TOGETHER)
    ]
    return same_pictures(
        f"{_TOGETHER} frames as one batch",
        Fidelity.of(np.concatenate(alone), together.picture),
        number_format,
    )


def _one(arrays: dict[str, FloatArray], index: int) -> dict[str, FloatArray]:
    return {name: value[index : index + 1] for name, value in arrays.items()}


def same_pictures(name: str, fidelity: Fidelity, number_format: NumberFormat) -> Check:
    """Whether pictures are those of the network in float32, as nearly as the format allows."""
    limit = TOLERANCES[number_format]
    return Check(name, fidelity.text(), f"<= {limit:g}", passed=fidelity.largest <= limit)


def _golden(folder: Path, graphs: BundleGraphs, number_format: NumberFormat) -> Check:
    golden = read_golden(folder)
    found = graphs.run(seeded_inputs(graphs.shapes, seed=golden.seed, batch=golden.batch))
    deviation, where = largest_deviation(golden, found)
    limit = TOLERANCES[number_format]
    return Check(
        "golden vectors (torch's)",
        f"differ by {deviation:.1g} in {where}",
        f"<= {limit:g}",
        passed=deviation <= limit,
    )
