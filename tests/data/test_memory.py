"""What it takes to build and to read a panel: blocks of dates, never the whole of it."""

import subprocess
import sys

import pytest

MEASURE = """
import sys
from engine import TopWeights, implied_correlation, load_market

def peak():  # of this process alone: ru_maxrss would begin with that of the one that started it
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

market = load_market("synthetic", years=10, names=200, cache=sys.argv[1], progress=False)
built = peak()
weights = TopWeights(50).select(market.weights, market.names)
implied_correlation(market.index_iv, market.component_iv, weights)
sizes = []
market.map_arrays(lambda name, array: sizes.append(array.nbytes))
print(sum(sizes) / 2**20, built, peak())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory of a process is read as Linux states it")
def test_ten_years_of_two_hundred_names_are_built_and_read_in_less_than_twice_their_size(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    panel, built, read = (float(number) for number in ended.stdout.split())
    assert panel > 400.0  # MiB; of a small panel the libraries alone would be the larger part
    # Building holds one block of dates and the paths of prices. Reading maps the files, so the panel itself counts,
    # and the results of every date. One copy of its volatilities in float64 would alone take 1.6 times the panel.
    assert max(built, read) < 2.0 * panel
