"""Every bundle that ships, checked with ONNX Runtime alone against what torch made of it.

Fails when a graph, a runtime or a processor makes other pictures than the network that was
exported, when a file was changed, or when a bundle outgrows its limits.
"""

from pathlib import Path

from export.failure_pictures import BUDGET_BYTES
from export.verify import CARD_NAME, verify_bundle
from shared.bundle import MANIFEST_NAME, load_bundle
from shared.generator import load_generator
from shared.shipped_generators import SHIPPED_BUNDLES

BUNDLES = sorted(path.parent for path in SHIPPED_BUNDLES.glob(f"*/{MANIFEST_NAME}"))
"""Not as parameters of the test: it also says that there are none."""


def test_shipped_bundles_are_what_was_exported() -> None:
    for folder in BUNDLES:
        failed = [check for check in verify_bundle(folder) if not check.passed]
        assert failed == [], folder
        assert load_bundle(folder).manifest.name == folder.name
        load_generator(folder.name).close()


def test_shipped_cards_say_what_they_must() -> None:
    for folder in BUNDLES:
        card = (folder / CARD_NAME).read_text(encoding="utf-8")
        for heading in ("Intended use", "Where it fails", "Limits", "Data", "Licence", "Training"):
            assert f"\n## {heading}\n" in card, folder
        pictures = [path for path in folder.glob("*.png") if path.name in card]
        assert sum(path.stat().st_size for path in pictures) <= BUDGET_BYTES


def test_nothing_else_lies_in_a_shipped_bundle() -> None:
    for folder in BUNDLES:
        names = {path.name for path in Path(folder).iterdir()}
        assert names == {MANIFEST_NAME, *load_bundle(folder).manifest.files}
