"""What a process that works with loaded models does about its memory."""

import ctypes
import gc
from contextlib import suppress

# glibc's names of what `mallopt` sets.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3

_MIB = 1 << 20
# Loading takes many pieces of megabytes and gives them back. Left to itself, glibc takes pieces of
# up to 32 MiB from the heap once such a one was freed, and the heap keeps the holes.
_WHILE_LOADING = _MIB
# The states of a full batch of long texts: fresh pages for each of them would take time.
_WHILE_SERVING = 8 * _MIB


def load_compactly() -> None:
    """Before models are loaded: keep the heap small."""
    _set_malloc(_MMAP_THRESHOLD, _WHILE_LOADING)


def settle_memory() -> None:
    """After it: part with what loading took, and spare what stays from garbage collection.

    What exists by now stays for good, and requests are made of many small objects and few cycles:
    with Python's own thresholds a fifth of the time of a busy server went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    _set_malloc(_MMAP_THRESHOLD, _WHILE_SERVING)
    _set_malloc(_TRIM_THRESHOLD, 2 * _WHILE_SERVING)
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _set_malloc(name: int, value: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(name, value)
