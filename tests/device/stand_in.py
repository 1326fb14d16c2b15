"""A GPU made of the host: CuPy's rules, CuPy's names and CUDA's streams, without a device.

`Array` refuses what a CuPy array refuses: turning into numpy by itself, and arithmetic with numpy arrays or with the
members of an IntEnum. A name that CuPy lacks is an AttributeError here too. What is put on a stream runs late and in
any order that the events allow, drawn from a seed: code that only works when a copy happens to be quick gives wrong
numbers. Kernels are those of a GPU, run on the CPU (`cuda_on_cpu`).
"""

import random
import sys
import types
from collections import deque

import cupy as installed  # for its names; importing it needs no driver
import numpy as np
import scipy.special

from tests.device import cuda_on_cpu

FREE_BYTES = 10**9
OF_NUMBERS = {"arange", "array", "broadcast_shapes", "eye", "full", "linspace", "ndim", "ones", "result_type", "zeros"}
SCALARS = (bool, int, float, complex)  # of Python's numbers these alone, and nothing derived from them


class Array(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the stand-in device."""

    def __init__(self, content):
        self._content = np.asarray(content)

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} was called on a device array")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        if method != "__call__":
            raise TypeError(f"numpy.{ufunc.__name__}.{method} was called on a device array")
        if out:
            keywords["out"] = tuple(plain(o) for o in out)
        return wrapped(ufunc(*(plain(a) for a in inputs), **keywords))

    def __getitem__(self, key):
        return wrapped(self._content[index(key)])

    def __setitem__(self, key, value):
        self._content[index(key)] = plain(value)

    def __len__(self):
        return len(self._content)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self._content)

    def __int__(self):
        return int(self._content)

    def __float__(self):
        return float(self._content)

    def __repr__(self):
        return f"stand-in {self._content!r}"

    def __getattr__(self, name):
        if not hasattr(installed.ndarray, name):
            raise AttributeError(f"CuPy's arrays have no {name}")
        found = getattr(self._content, name)
        return called(found) if callable(found) else wrapped(found)

    def get(self):
        return self._content.copy()

    def set(self, content, stream=None):
        assert isinstance(content, np.ndarray)
        assert (content.shape, content.dtype) == (self.shape, self.dtype)
        assert self._content.flags.c_contiguous
        assert content.flags.c_contiguous

        def copy():
            self._content[...] = content

        (stream or CUDA.get_current_stream()).put(copy)


def plain(value):
    """Return what the device computes with; numpy arrays and derived numbers, wherever from, are refused as by CuPy."""
    if isinstance(value, Array):
        return value._content
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, int | float | complex) and type(value) not in SCALARS and not isinstance(value, np.generic):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def index(key):
    """CuPy moves numpy arrays to the device by itself only where they are indices."""
    if isinstance(key, tuple):
        return tuple(index(k) for k in key)
    return key if isinstance(key, np.ndarray) else plain(key)


def wrapped(value):
    if isinstance(value, np.ndarray | np.generic):
        return Array(value)
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray) for item in value):
        return (tuple if isinstance(value, tuple) else list)(wrapped(item) for item in value)  # named tuples are tuples
    return value


def coarse(function):
    """A special function of a device: up to 5 units in the last place from the host's, for a value always as many.

    CUDA promises no more for its own; exact values, such as a probability of 1, are exact there too.
    """

    def evaluated(*given):
        exact = np.asarray(function(*given), dtype=float)
        off = (exact.view(np.int64) >> 3) % 11 - 5
        return np.where(exact == np.rint(exact), exact, exact * (1.0 + off * np.finfo(float).eps))

    return evaluated


def called(function):
    return lambda *given, **named: wrapped(
        function(*(plain(a) for a in given), **{key: plain(a) for key, a in named.items()})
    )


def of_arrays(function):
    """A function that CuPy has for its own arrays alone, where numpy would make one of a number."""

    def checked(*given, **named):
        if not any(map(holds_array, (*given, *named.values()))):
            raise TypeError(f"Argument of cupy.{function.__name__} has incorrect type (expected ndarray)")
        return called(function)(*given, **named)

    return checked


def holds_array(value):
    return isinstance(value, Array) or (isinstance(value, list | tuple) and any(map(holds_array, value)))


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.recorded = {"done": True}  # CUDA: an event never recorded holds nobody up

    def record(self, stream=None):
        (stream or CUDA.get_current_stream()).record(self)

    def synchronize(self):
        recorded = self.recorded
        CUDA.run_until(lambda: recorded["done"])


class Stream:
    """What is put on a stream runs in its order, and after the events it waits for: no sooner, perhaps much later."""

    def __init__(self, non_blocking=False):
        self.queue = deque()
        CUDA.streams.append(self)

    def put(self, work, ready=lambda: True):
        self.queue.append((work, ready))

    def record(self, event=None):
        event = event or Event()
        event.recorded = recorded = {"done": False}
        self.put(lambda: recorded.update(done=True))
        return event

    def wait_event(self, event):
        recorded = event.recorded
        self.put(lambda: None, ready=lambda: recorded["done"])

    def synchronize(self):
        CUDA.run_until(lambda: not self.queue)


class EagerStream(Stream):
    """The current stream of array code, which computes as soon as it is asked to."""

    def put(self, work, ready=lambda: True):
        super().put(work, ready)
        self.synchronize()


class Cuda:
    """`cupy.cuda`: runs what is put on streams, in an order drawn from a seed."""

    Event, Stream = Event, Stream

    def reset(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.streams, self.pinned, self.allocated = [], [], []
        self.current = EagerStream()
        self.free = FREE_BYTES

    def run_until(self, reached) -> None:
        while not reached():
            runnable = [s for s in self.streams if s.queue and s.queue[0][1]()]
            assert runnable, "every stream waits for another"
            self.random.choice(runnable).queue.popleft()[0]()

    def get_current_stream(self):
        return self.current

    def alloc_pinned_memory(self, size: int):
        self.pinned.append(size)
        return bytearray(size)

    def Device(self):
        return types.SimpleNamespace(id=0)

    @property
    def runtime(self):
        return types.SimpleNamespace(
            memGetInfo=lambda: (self.free, self.free),
            getDeviceProperties=lambda _: {"name": b"stand-in"},
        )


CUDA = Cuda()


class Library(types.ModuleType):
    """`cupy` for `import cupy`, and for `namespace` of arrays of the stand-in."""

    ndarray, cuda = Array, CUDA

    def __getattr__(self, name):
        if name.startswith("__") or not hasattr(installed, name):
            raise AttributeError(f"CuPy has no {name}")
        found = getattr(np, name)
        if not callable(found) or isinstance(found, type):
            return found
        of_numbers = name in OF_NUMBERS or isinstance(getattr(installed, name), installed.ufunc)
        return called(found) if of_numbers else of_arrays(found)

    def asarray(self, content, dtype=None):
        if isinstance(content, Array) and dtype in (None, content.dtype):
            return content
        return Array(np.array(content._content if isinstance(content, Array) else content, dtype=dtype))

    def ascontiguousarray(self, content, dtype=None):
        return Array(np.ascontiguousarray(plain(content), dtype=dtype))

    def empty(self, shape, dtype=float):
        content = np.full(shape, 77, dtype=dtype)  # what was in the memory before
        CUDA.allocated.append(content.nbytes)
        return Array(content)

    def broadcast(self, *arrays):
        return np.broadcast(*(plain(a) for a in arrays))

    def where(self, condition, x, y):
        assert isinstance(condition, Array), "cupy.where wants an array as its condition"
        return called(np.where)(condition, x, y)

    @property
    def lib(self):
        tricks = types.SimpleNamespace(sliding_window_view=called(np.lib.stride_tricks.sliding_window_view))
        return types.SimpleNamespace(stride_tricks=tricks)

    @property
    def linalg(self):
        shared = (n for n in dir(installed.linalg) if callable(getattr(np.linalg, n, None)))
        return types.SimpleNamespace(**{n: called(getattr(np.linalg, n)) for n in shared})

    def get_default_memory_pool(self):
        return types.SimpleNamespace(free_bytes=lambda: 0)


def kernel(name: str, entry: str, dtype: str, variant: tuple[int, ...] = ()):
    """A kernel's GPU entry point, run on the CPU, called as CuPy calls the one on the device."""
    function = cuda_on_cpu.device_function(name, entry, dtype, variant)

    def run(grid, block, arguments, shared_mem=0):
        function(grid, block, [plain(a) for a in arguments], shared_mem, seed=CUDA.random.randrange(8))

    return run


def install(monkeypatch, seed: int = 0) -> Library:
    """Be `cupy` for everything the engine imports, and have `backend=cupy` accepted."""
    library = Library("cupy")
    CUDA.reset(seed)
    special = types.SimpleNamespace(
        **{n: called(coarse(f)) for n in dir(scipy.special) if callable(f := getattr(scipy.special, n))}
    )
    cupyx = types.SimpleNamespace(scipy=types.SimpleNamespace(special=special))
    modules = {"cupy": library, "cupyx": cupyx, "cupyx.scipy": cupyx.scipy, "cupyx.scipy.special": special}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("engine.backend.gpu_missing", lambda: None)
    monkeypatch.setattr(sys.modules["engine.kernels.launch"], "_device_function", kernel)
    return library
