import numpy as np
import pytest

from receiver.reference_store import ReferenceStore
from receiver.renderer import RenderEngine
from shared.control_message import KnownMessage, ReferenceBegin, ReferenceChunk, ReferenceEnd
from shared.errors import BitstreamError
from shared.face_model import FaceModel
from shared.limits import REFERENCES_PER_MINUTE
from shared.metrics import Metrics
from shared.parameters import IDENTITY_SIZE, Crop, Identity
from shared.reference_image import encode_reference_image
from shared.reference_transfer import ReferenceSender
from tests.faces import MEAN_IDENTITY, face_parameters, textured_image
from tests.fakes import FakeGenerator

PICTURE = encode_reference_image(textured_image(), max_bytes=3000)


def transfer(
    set_id: int, reference_id: int, identity: Identity | None, data: bytes = PICTURE.data
) -> list[KnownMessage]:
    """The messages of one reference."""
    begin = ReferenceBegin(
        set_id=set_id,
        reference_id=reference_id,
        crop=Crop(x=0, y=0, size=256),
        frame_width=256,
        frame_height=256,
        parameters=face_parameters(),
        image_format=PICTURE.image_format,
        image_bytes=len(data),
        identity=identity,
    )
    sender = ReferenceSender(begin, data)
    messages = []
    now_ns = 0
    while not sender.done:
        now_ns += 50_000_000
        message = sender.next_message(now_ns, rate_bps=200_000, buffered_bytes=0)
        assert message is not None
        messages.append(message)
    return messages


class Store:
    """A store whose worker is stepped by hand."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.generator = FakeGenerator()
        self.refused = 0
        engine = RenderEngine(FaceModel.load(), self.generator, metrics=self.metrics)
        self.engine = engine
        self.held: list[tuple[int, int]] = []
        self.store = ReferenceStore(
            lane=engine.open_lane(),
            metrics=self.metrics,
            post=lambda callback, *arguments: callback(*arguments),
            on_held=lambda set_id, reference_id: self.held.append((set_id, reference_id)),
            on_refused=self._refuse,
        )

    def _refuse(self) -> None:
        self.refused += 1

    def receive(self, messages: list[KnownMessage], now_ns: int = 0) -> None:
        for message in messages:
            assert isinstance(message, ReferenceBegin | ReferenceChunk | ReferenceEnd)
            self.store.receive(message, now_ns)
        self.work()

    def work(self) -> None:
        """Do what the worker's thread would."""
        while self.engine._preparer.work():
            pass

    def ids(self, set_id: int) -> list[int]:
        return [held.reference.reference_id for held in self.store.of_set(set_id)]

    def dropped(self, reason: str) -> int:
        return self.metrics.snapshot().counters.get(("references_dropped", reason), 0)


def test_a_set_is_held_with_the_identity_of_its_first_reference() -> None:
    store = Store()
    store.receive(transfer(5, 0, MEAN_IDENTITY))
    store.receive(transfer(5, 7, None))
    assert store.held == [(5, 0), (5, 7)]
    assert store.ids(5) == [0, 7]
    identities = [held.reference.identity for held in store.store.of_set(5)]
    assert identities[0] is identities[1]
    assert store.store.held == 2
    assert store.ids(6) == []


def test_the_same_id_replaces() -> None:
    store = Store()
    store.receive(transfer(5, 0, MEAN_IDENTITY))
    before = store.store.of_set(5)[0]
    store.receive(transfer(5, 0, None))
    assert store.ids(5) == [0]
    assert store.store.of_set(5)[0] is not before


def test_a_set_takes_four_and_a_first_reference_brings_the_identity() -> None:
    store = Store()
    with pytest.raises(BitstreamError) as no_identity:
        store.receive(transfer(5, 0, None))
    assert (
        str(no_identity.value)
        == "reference 0 without identity, the first one of set 5 must carry it"
    )
    for reference_id in range(4):
        store.receive(transfer(5, reference_id, None if reference_id else MEAN_IDENTITY))
    with pytest.raises(BitstreamError) as fifth:
        store.receive(transfer(5, 4, None))
    assert str(fifth.value) == "reference 5 of a set, 4 are allowed"
    assert store.ids(5) == [0, 1, 2, 3]


def test_the_shown_set_and_the_next_are_held() -> None:
    store = Store()
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    assert store.ids(1) == [0]  # shown
    store.receive(transfer(2, 0, MEAN_IDENTITY))
    store.receive(transfer(3, 0, MEAN_IDENTITY))
    assert (store.ids(1), store.ids(2), store.ids(3)) == ([0], [], [0])
    store.receive(transfer(4, 0, MEAN_IDENTITY))
    assert (store.ids(1), store.ids(3), store.ids(4)) == ([], [0], [0])


def test_a_set_sent_anew_replaces_its_pictures() -> None:
    store = Store()
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    store.receive(transfer(1, 1, None))
    other = Identity(coefficients=np.ones(IDENTITY_SIZE, np.float32))
    store.receive(transfer(1, 2, other))
    assert store.ids(1) == [2]


def test_a_picture_that_does_not_decode_is_counted_and_harms_nothing() -> None:
    store = Store()
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    store.receive(transfer(1, 1, None, PICTURE.data[:400]))
    assert store.dropped("invalid") == 1
    assert store.held == [(1, 0)]


def test_an_incomplete_transfer_is_refused() -> None:
    store = Store()
    messages = transfer(1, 0, MEAN_IDENTITY)
    with pytest.raises(BitstreamError):
        store.receive([messages[0], messages[-1]])
    assert not store.store.is_receiving
    store.receive(messages)
    assert store.held == [(1, 0)]


def test_a_transfer_that_stalls_is_given_up() -> None:
    store = Store()
    store.receive(transfer(1, 0, MEAN_IDENTITY)[:2])
    store.store.expire(19_000_000_000)
    assert store.store.is_receiving
    store.store.expire(21_000_000_000)
    assert not store.store.is_receiving
    assert store.dropped("timeout") == 1


def test_references_have_a_rate() -> None:
    store = Store()
    begin = transfer(1, 0, MEAN_IDENTITY)[:1]
    for _ in range(REFERENCES_PER_MINUTE):
        store.receive(begin)
    with pytest.raises(BitstreamError, match="in a minute, 120 are allowed"):
        store.receive(begin)
    store.receive(begin, now_ns=61_000_000_000)


def test_the_person_is_forgotten() -> None:
    store = Store()
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    store.store.clear()
    assert store.ids(1) == []


def test_a_full_device_ends_a_party_that_has_nothing_and_no_other() -> None:
    store = Store()
    store.generator.full = True
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    assert store.refused == 1
    assert store.dropped("device_memory") == 1
    store.generator.full = False
    store.receive(transfer(1, 0, MEAN_IDENTITY))
    store.generator.full = True
    store.receive(transfer(1, 1, None))
    assert store.refused == 1
    assert store.ids(1) == [0]
