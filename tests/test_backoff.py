from sender.backoff import Backoff


def test_waits_double_to_a_limit_and_begin_anew() -> None:
    backoff = Backoff()
    assert [backoff.next_seconds() for _ in range(6)] == [0.5, 1, 2, 4, 8, 8]
    backoff.reset()
    assert backoff.next_seconds() == 0.5
