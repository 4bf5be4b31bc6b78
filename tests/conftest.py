"""What all tests share: a skip is a failure where everything must run."""

import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _names_of_candidates_are_looked_up_afresh() -> Iterator[None]:
    """aioice keeps one lock for looking up browsers' names (mDNS) in a thread for good.

    A test that ends on the way leaves it locked, bound to a loop that is no more; a process of
    the product has one loop.
    """
    yield
    if (ice := sys.modules.get("aioice.ice")) is not None:
        vars(ice._mdns).clear()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With KILOCALL_CI=1 a skipped test fails the run: continuous integration has no excuses."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("KILOCALL_CI") != "1" or reporter is None or exitstatus != 0:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line(f"KILOCALL_CI=1: {len(skipped)} skipped, 0 allowed", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
