"""Handing arrays to compiled code: what it would read wrongly is refused, what it reads stays there."""

import subprocess
import sys
import weakref

import numpy as np
import pytest

from engine.kernels import host, launch
from engine.kernels.launch import _as_c
from engine.kernels.source import parameters

pytestmark = pytest.mark.skipif(host.missing() is not None, reason=str(host.missing()))


def levels(**given):
    """Arguments of `hysteresis` for three sets of five dates, some of them replaced."""
    right = {
        "signal": np.linspace(0.0, 1.0, 5),
        "dates": 5,
        "enter": np.full(3, 0.5),
        "leave": np.zeros(3),
        "state": np.empty((3, 5)),
    }
    return tuple((right | given).values())


def test_the_parameters_of_an_entry_are_read_from_its_source():
    assert [p.name for p in parameters("sweep", "hysteresis", "float32")] == [
        "signal",
        "dates",
        "enter",
        "leave",
        "state",
    ]
    iv, *_, names = parameters("moments", "implied_correlation", "float32")
    assert (iv.type, iv.is_array, iv.has_stride) == ("float", True, True)
    assert (names.type, names.is_array, names.has_stride) == ("int", True, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (levels()[:-1], "takes 5 arguments, not 4"),
        (levels(signal=np.zeros(5, np.float32)), r"signal is float32\(5,\); it takes a contiguous array of double"),
        (levels(enter=np.zeros(6)[::2]), "enter is float64"),
        (levels(dates=5.0), "dates is 5.0; it takes i64"),
        (levels(dates=np.int32(5)), "dates is int32"),
    ],
)
def test_what_an_entry_does_not_take_is_refused(arguments, words):
    with pytest.raises(TypeError, match=words):
        launch(np, "sweep", "hysteresis", 3, arguments)


def run(program: str) -> subprocess.CompletedProcess:
    """Run a program that may hang or crash in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_forked_process_has_threads_of_its_own():
    program = """
import multiprocessing
import numpy as np
from engine.kernels import launch

def states(_=None):
    state = np.empty((64, 5))
    signal, level = np.linspace(0.0, 1.0, 5), np.full(64, 0.5)
    launch(np, "sweep", "hysteresis", 64, (signal, 5, level, level - 1.0, state))
    return state.sum()

here = states()
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.map_async(states, range(2)).get(60) == [here, here]
"""
    done = run(program)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="pages are closed as Linux does it")
@pytest.mark.parametrize("view", ["iv", "iv[::-1]", "iv[:, ::-1]", "np.broadcast_to(iv[:, -1:], iv.shape)"])
def test_volatilities_at_the_end_of_the_memory_are_not_read_beyond_it(view):
    program = f"""
import ctypes, mmap
import numpy as np
from engine.correlation import implied_correlation
page = mmap.PAGESIZE
memory = np.frombuffer(mmap.mmap(-1, 2 * page), np.uint8)
closed = ctypes.c_void_p(memory.ctypes.data + page)
assert ctypes.CDLL(None).mprotect(closed, ctypes.c_size_t(page), 0) == 0
iv = memory[page - 2 * 3 * 9 * 4 : page].view(np.float32).reshape(2, 3, 9)
iv[...] = 0.3
rho = implied_correlation(np.full((2, 9), 0.2), {view}, np.full((2, 3), 1 / 3))
assert (rho.names == 3).all()
"""
    done = run(program)
    assert done.returncode == 0, done.stderr or done.returncode


def test_an_array_lives_as_long_as_a_piece_may_read_it():
    array = np.zeros(3)
    kept, pointer = weakref.ref(array), _as_c(array)
    del array
    assert kept() is not None
    assert pointer.value
