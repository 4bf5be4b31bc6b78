"""Fewer heaps for a process of many short-lived arrays.

glibc gives threads heaps of their own, up to eight a core, and each keeps what its threads freed.
With a receiver's dozen threads that is 20 MB which nobody uses.
"""

import ctypes
import os
import platform

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def limit_malloc_arenas() -> bool:
    """Allow as many heaps as there are cores, two at least; before threads begin.

    False where the C library is not glibc, and nothing was changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_ARENA_MAX, max(os.cpu_count() or 1, 2)))
