"""What a process that works with loaded models does about its memory."""

import ctypes
import gc
from contextlib import suppress


def settle_memory() -> None:
    """Part with what starting took, and spare what stays from garbage collection.

    Loading models leaves the C allocator with as much free memory as the models take. What
    exists by now stays for good, and requests are made of many small objects and few cycles:
    with Python's own thresholds a fifth of the time of a busy server went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
