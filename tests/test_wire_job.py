"""What the processes of the wire benchmark tell each other."""

import pytest

from benchmarks.wire_job import CallJob, Word, hear, say
from sender.parameter_transport import TransportChoice
from shared.errors import ConfigError


def test_a_job_survives_its_line() -> None:
    job = CallJob(
        url="http://10.99.0.2:1/whip",
        token="abc",
        track="/tmp/a track.npz",
        sound=None,
        transport=TransportChoice.IN_BAND,
        frames_per_message=None,
        log="/tmp/log.npz",
        timeout_seconds=60.0,
    )
    word, detail = hear(say(Word.CALL, job.pack()))
    assert word is Word.CALL
    assert CallJob.parse(detail) == job


def test_words_have_details_or_none() -> None:
    assert say(Word.DONE) == "done"
    assert hear("done") == (Word.DONE, "")
    assert hear("failed 12 no connection") == (Word.FAILED, "12 no connection")
    with pytest.raises(ConfigError, match="'hello', one of ready, call"):
        hear("hello")
