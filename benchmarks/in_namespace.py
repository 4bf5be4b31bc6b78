"""Runs one of our processes inside a network namespace.

python -m benchmarks.in_namespace /proc/PID/fd/NUMBER MODULE ARGUMENTS...
"""

import runpy
import sys

from benchmarks.tun_device import enter_namespace


def main() -> None:
    path, module, *arguments = sys.argv[1:]
    enter_namespace(path)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
