"""Where smiles lie between the tenors: worked out once for a number of days, the bits of each day by itself."""

import numpy as np
import pytest

from engine.backtest.legs.fused import between_tenors


def of_one_day(tenors, left):
    """The definition: slot, factors of the variances at the tenors around it, whether it is beyond them, and years."""
    slot = max(i for i in range(max(len(tenors) - 1, 1)) if i == 0 or tenors[i] <= left)
    first, second = float(tenors[slot]), float(tenors[min(slot + 1, len(tenors) - 1)])
    within = min(max(left, first), second)  # flat in volatility beyond the tenors
    share = (within - first) / (second - first) if second > first else 0.0
    return slot, (1.0 - share) * first / within, share * second / within, int(within != left), left / 365.0


@pytest.mark.parametrize("tenors", [[30], [30, 60], [7, 30, 60, 91, 182]], ids=str)
def test_each_day_has_the_numbers_of_the_definition(tenors):
    found = between_tenors(np.array(tenors), 250.0)
    assert [array.dtype for array in found] == [np.int64, np.float64, np.float64, np.uint8, np.float64]
    expected = zip(*(of_one_day(tenors, float(days)) for days in range(251)), strict=True)
    for array, column in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, np.array(column))
