"""Runs one of our processes so that it never outlives the one that started it.

    python -m benchmarks.leash PARENT_PID MODULE ARGUMENTS...

A parent that is killed cannot stop its children; a child under this leash notices that it
was adopted and ends as if by SIGTERM. Works the same on Linux and macOS.
"""

import os
import runpy
import signal
import sys
import threading
import time

_CHECK_SECONDS = 1.0


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    parent, module, *arguments = sys.argv[1:]
    threading.Thread(target=_watch, args=(int(parent),), name="leash", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
