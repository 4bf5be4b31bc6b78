"""What all tests share: a skip is a failure where everything must run."""

import os

import pytest


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
