"""Handing arrays to compiled code: what it would read wrongly is refused, what it reads stays there."""

import math
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

from engine.errors import InputError
from engine.kernels import elementwise, host, launch
from engine.kernels.arguments import check
from engine.kernels.entries import KERNELS
from engine.kernels.launch import _as_c

pytestmark = pytest.mark.skipif(host.missing() is not None, reason=str(host.missing()))

NUMPY = {"double": "float64", "i64": "int64", "int": "int32", "u8": "uint8"}


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (levels()[:-1], "takes 5 arguments, not 4"),
        (levels(signal=np.zeros(5, np.float32)), r"signal is float32\(5,\); it takes a contiguous array of double"),
        (levels(enter=np.zeros(6)[::2]), "enter is float64"),
        (levels(dates=5.0), "dates is 5.0; it takes i64"),
        (levels(dates=np.int32(5)), "dates is int32"),
        (levels(state=None), "state is None; it takes a contiguous array of double"),
    ],
)
def test_what_an_entry_does_not_take_is_refused(arguments, words):
    with pytest.raises(TypeError, match=words):
        launch(np, "sweep", "hysteresis", 3, arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (levels(dates=6), r"sweep.hysteresis: signal has the shape \(5,\) where dates \(6\) is expected"),
        (
            levels(enter=np.zeros(2)),
            r"enter has the shape \(2,\) where sets \(3\) is expected; give arrays of",
        ),
        (levels(leave=np.zeros(4)), r"leave has the shape \(4,\)"),
        (levels(state=np.empty((3, 4))), r"state has the shape \(3, 4\) where sets \(3\) x dates \(5\) is expected"),
    ],
)
def test_an_array_of_another_size_than_the_rest_is_refused_by_name(arguments, words):
    with pytest.raises(InputError, match=words):
        launch(np, "sweep", "hysteresis", 3, arguments)


@pytest.mark.parametrize("entry", [(k, e) for k, kernel in KERNELS.items() for e in kernel.entries], ids="-".join)
def test_every_array_of_every_entry_is_held_against_the_others(entry):
    """One element more or less in any array is refused; the entry itself is never called."""
    kernel, name = entry
    declared = KERNELS[kernel].entries[name]
    sizes = {p.name: 2 + i for i, p in enumerate(declared.parameters) if not p.extents and p.type == "i64"}
    sizes |= {None: 0, declared.item: 3}
    lengths = {p.name: [sizes[n] + more for n, more in p.terms] for p in declared.parameters if p.extents}
    for parameter in declared.parameters:  # as far apart as they are if nothing lies between them
        for axis, stride in enumerate(parameter.strides):
            sizes[stride] = math.prod(lengths[parameter.name][axis + 1 :])

    def argument(parameter):
        if not parameter.extents:
            return sizes[parameter.name] if parameter.type == "i64" else 0.5
        return np.zeros(lengths[parameter.name], "float32" if parameter.type == "STORED" else NUMPY[parameter.type])

    right = [argument(parameter) for parameter in declared.parameters]
    check(kernel, name, 3, right, "float32")
    for i, parameter in enumerate(declared.parameters):
        if parameter.extents:
            for wrong in (np.append(right[i], 0).astype(right[i].dtype), right[i].ravel()[:-1]):
                with pytest.raises(InputError, match=f"{kernel}.{name}: {parameter.name} has the shape"):
                    check(kernel, name, 3, [*right[:i], wrong, *right[i + 1 :]], "float32")


def test_a_number_that_serves_all_items_is_not_read_as_one_for_each():
    one, each = np.array([0.5]), np.full(4, 100.0)
    outputs = [np.empty(4) for _ in range(7)]
    launch(np, "straddle", "straddle", 4, (each, 1, each, 1, one, 0, one, 0, one, 0, *outputs))
    np.testing.assert_array_equal(outputs, elementwise(np, "straddle", (each, each, one, one, one), [float] * 7))
    with pytest.raises(InputError, match=r"iv has the shape \(1,\) where items \(4\) is expected"):
        launch(np, "straddle", "straddle", 4, (each, 1, each, 1, one, 1, one, 0, one, 0, *outputs))


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


@pytest.mark.parametrize(("word", "used"), [("off", False), ("OFF", False), ("0", False), ("No", False), ("on", True)])
def test_any_usual_word_switches_kernels_off(word, used):
    told = "from engine.kernels.launch import _wanted; print(_wanted.get())"
    ended = subprocess.run(
        [sys.executable, "-c", told],
        env=os.environ | {"DISPERSION_KERNELS": word},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == str(used)
