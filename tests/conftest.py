"""Fixtures every test file shares: the array library, the real data, markers."""

from pathlib import Path

import numpy as np
import pytest

from engine.backend import gpu_missing

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(params=["numpy", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """Run the test body once per array library; CuPy is skipped, with the reason, where no device can run it."""
    if request.param == "numpy":
        return np
    if reason := gpu_missing():
        pytest.skip(f"no CUDA device: {reason}")
    import cupy

    return cupy


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real option files; skips where they are not at hand (they are never part of the repository)."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data not found: expected in ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def panel_cache(tmp_path_factory) -> Path:
    """Folder in which this test session keeps the panels it builds."""
    return tmp_path_factory.mktemp("panels")


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
