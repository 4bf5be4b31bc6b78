from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from export.gallery import draw_face, expression_gallery, write_png
from export.head_proxy_picture import head_outlines, head_proxy_picture
from shared.face_model import FaceModel
from tests.faces import face_parameters
from tests.material import data_dir

MODEL = FaceModel.load()


def test_a_face_is_drawn_lit_and_whole() -> None:
    tile = draw_face(MODEL, MODEL.vertices(MODEL.mean, face_parameters(scale=0.5)))
    drawn = tile.min(axis=2) < 250
    assert 0.3 < drawn.mean() < 0.8
    assert not drawn[0].any()
    assert len(np.unique(tile[drawn], axis=0)) > 50


def test_the_gallery_shows_every_slider_in_a_small_file(tmp_path: Path) -> None:
    page = expression_gallery(MODEL)
    write_png(tmp_path / "docs" / "gallery.png", page)
    path = tmp_path / "docs" / "gallery.png"
    assert path.stat().st_size < 400_000
    with PillowImage.open(path) as image:
        assert image.size == (page.shape[1], page.shape[0])


def test_the_proxy_sits_on_five_heads_frontal_and_turned(tmp_path: Path) -> None:
    clips = [outline.clip for outline in head_outlines()]
    assert len(set(clips)) == 5
    assert clips[::2] == clips[1::2]
    picture, overlaps = head_proxy_picture(MODEL, data_dir() / "faces" / "train", tmp_path)
    assert picture.shape[2] == 3
    assert len(overlaps) == 10
    assert min(overlaps) > 0.7
    assert np.mean(overlaps) > 0.8
