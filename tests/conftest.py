"""Fixtures every test file shares: the array library, the real data, markers."""

import contextlib
import importlib
from pathlib import Path

import numpy as np
import pytest

from engine.backend import gpu_missing, resolve
from engine.kernels import host, switched_off
from tests.device import cuda_on_cpu
from tests.session import shared_folder

pytest_plugins = ["tests.commands"]  # fixtures that run the commands

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(
    params=[
        "numpy array code",
        "numpy kernels",
        "stand-in array code",
        "stand-in kernels",
        pytest.param("cupy array code", marks=pytest.mark.gpu),
        pytest.param("cupy kernels", marks=pytest.mark.gpu),
    ]
)
def xp(request, monkeypatch):
    """Run the test body per array library, as array code and with kernels; skip, with the reason, what cannot run.

    The stand-in for a device refuses numpy arrays as CuPy does, and is off in the last places as a device is. Its
    kernels are a GPU's, run on the CPU.
    """
    library, kind = request.param.split(" ", 1)
    if library == "cupy" and (reason := gpu_missing()):
        pytest.skip(f"no CUDA device: {reason}")
    if library == "numpy" and kind == "kernels" and (reason := host.missing()):
        pytest.skip(f"kernels cannot be compiled: {reason}")
    if library == "stand-in" and kind == "kernels" and (reason := cuda_on_cpu.missing()):
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        if kind == "array code":
            stack.enter_context(switched_off())
        if library == "stand-in":
            pytest.importorskip("cupy", reason="CuPy is not installed; its rules cannot be looked up")
            stack.callback(resolve.cache_clear)  # what the stand-in made it believe
            yield importlib.import_module("tests.device.stand_in").install(monkeypatch)
        else:
            yield np if library == "numpy" else importlib.import_module("cupy")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real option files; skips where they are not at hand (they are never part of the repository)."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data not found: expected in ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def panel_cache(tmp_path_factory) -> Path:
    """Folder in which this test session keeps the panels it builds."""
    return shared_folder(tmp_path_factory, "panels of tests")


@pytest.fixture(scope="session")
def us_panel(shared_data, panel_cache):
    """The real US chains, SPY against members of the S&P 500."""
    from engine.data import load_market

    return load_market("us_chains", path=shared_data, cache=panel_cache, progress=False)


@pytest.fixture(scope="session")
def nse_panel(shared_data, panel_cache):
    """The real Indian files, NIFTY against its members."""
    from engine.data import load_market

    return load_market("nse", path=shared_data, cache=panel_cache, progress=False)
