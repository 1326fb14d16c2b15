"""What runs once on the stand-in for a GPU, always, and once on a GPU, where there is one."""

import contextlib
import importlib

import pytest

from engine.backend import gpu_missing, resolve
from engine.kernels import switched_off
from tests.device import cuda_on_cpu

pytest.importorskip("cupy", reason="CuPy is not installed; its rules cannot be looked up")
stand_in = importlib.import_module("tests.device.stand_in")


@pytest.fixture(
    params=[
        "stand-in, array code",
        "stand-in, kernels",
        pytest.param("cupy, array code", marks=pytest.mark.gpu),
        pytest.param("cupy, kernels", marks=pytest.mark.gpu),
    ]
)
def device(request, monkeypatch):
    """The library of a device: a stand-in made of the host, or CuPy where it can run."""
    library, kind = request.param.split(", ")
    if library == "cupy" and (reason := gpu_missing()):
        pytest.skip(f"no CUDA device: {reason}")
    if library == "stand-in" and kind == "kernels" and (reason := cuda_on_cpu.missing()):
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        if kind == "array code":
            stack.enter_context(switched_off())
        stack.callback(resolve.cache_clear)  # what the stand-in made it believe
        yield stand_in.install(monkeypatch) if library == "stand-in" else importlib.import_module("cupy")


@pytest.fixture
def gpu():
    """CuPy, where a device can run it."""
    if reason := gpu_missing():
        pytest.skip(f"no CUDA device: {reason}")
    return importlib.import_module("cupy")
