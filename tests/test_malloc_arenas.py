import os
import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, sys, threading
from shared.malloc_arenas import limit_malloc_arenas

if sys.argv[1] == "limited":
    assert limit_malloc_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
everybody = threading.Barrier(17)

def work():
    libc.malloc(1000)
    everybody.wait()
    everybody.wait()

for _ in range(16):
    threading.Thread(target=work).start()
everybody.wait()
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
everybody.wait()
"""


def _heaps(how: str) -> int:
    """Of a process with 16 threads that have all asked for memory."""
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True
    )
    return ended.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")
def test_threads_share_as_many_heaps_as_there_are_cores() -> None:
    most = max(os.cpu_count() or 1, 2)
    assert _heaps("limited") <= most < _heaps("as it comes")
