import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.clip_scores import Scores, mean_scores
from benchmarks.identity_similarity import IdentityNetwork
from shared.errors import ArtifactError
from shared.tracker import FaceTracker
from tests.material import clip_frames, data_dir, faces_clips
from tests.portrait_clip import write_portrait_clip


def run(*arguments: object) -> None:
    result = CliRunner().invoke(app, ["quality", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception


@pytest.mark.parametrize("references", ["first", "policy"])
def test_a_warp_is_nearer_than_a_still(tmp_path: Path, references: str) -> None:
    write_portrait_clip(tmp_path / "portrait.mp4", frames=20)
    report_path, sheet_path = tmp_path / "report.json", tmp_path / "sheet.png"
    run(
        *("--data", tmp_path, "--references", references, "--every", 3),
        *("--json", report_path, "--contact-sheet", sheet_path),
    )
    report = json.loads(report_path.read_text())
    assert report["references"] == references
    still, warp = (row["scores"] for row in report["clips"])
    assert [row["generator"] for row in report["clips"]] == ["still", "warp"]
    assert still["frames"] == warp["frames"] >= 5
    assert warp["akd_px"] < min(still["akd_px"], 1.6)
    assert warp["psnr_db"] > still["psnr_db"]
    assert report["means"][1]["scores"] == pytest.approx(warp, nan_ok=True)
    with PillowImage.open(sheet_path) as sheet:
        assert sheet.size == (4 * 256, 256)


def test_a_folder_without_clips(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no \*\.mp4 in it"):
        run("--data", tmp_path)


def test_means_count_clips_alike_and_leave_out_what_is_missing() -> None:
    one = Scores(10, 1.0, 20.0, 0.5, 1.0, float("nan"), 1.0, 1)
    two = Scores(1, 3.0, 30.0, 0.7, float("nan"), float("nan"), 0.8, 0)
    mean = mean_scores([one, two])
    assert (mean.frames, mean.l1, mean.psnr_db, mean.faces_lost) == (11, 2.0, 25.0, 1)
    assert mean.akd_px == 1.0
    assert np.isnan(mean.csim)


def test_the_recognition_network_tells_people_apart() -> None:
    network = IdentityNetwork(data_dir() / "metrics" / "mobilefacenet.npz")
    embedded = []
    for path in faces_clips("val")[:3]:
        frames = list(clip_frames(path, 40))
        for frame in (frames[0], frames[-1]):
            (face, *_) = FaceTracker().track(frame)
            embedded.append(network.embed(frame, face.points))
    similarity = np.array(embedded) @ np.array(embedded).T
    assert np.diag(similarity) == pytest.approx(1, abs=1e-5)
    same = [similarity[2 * i, 2 * i + 1] for i in range(3)]
    other = [similarity[i, j] for i in range(6) for j in range(6) if i // 2 != j // 2]
    assert min(same) > 0.5
    assert max(other) < 0.4


def test_weights_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="the weights of MobileFaceNet are expected"):
        IdentityNetwork(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ArtifactError, match="MobileFaceNet is expected"):
        IdentityNetwork(tmp_path / "other.npz")
