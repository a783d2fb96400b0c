"""What is told to the C allocator is what it does: in processes of their own, on glibc alone."""

import ctypes
import subprocess
import sys

import pytest

# How much of a piece of 2 MiB, and then of 12, gets pages of its own, once a larger one was freed.
_SCENE = """
import ctypes
from service.cli.memory import load_compactly, settle_memory

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mallinfo2.restype = Info

def own_pages(mib):
    before = libc.mallinfo2().e  # hblkhd
    piece = libc.malloc(mib << 20)
    pages = libc.mallinfo2().e - before
    libc.free(piece)
    return pages > 0

{calls}
own_pages(16)
print(own_pages(2), own_pages(12))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc"
)
@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("", "False False"),
        ("load_compactly()", "True True"),
        ("load_compactly(); settle_memory()", "False True"),
    ],
)
def test_pieces_of_megabytes_leave_no_holes_while_loading(calls: str, expected: str) -> None:
    scene = _SCENE.format(calls=calls)
    found = subprocess.run(
        [sys.executable, "-c", scene], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == expected
