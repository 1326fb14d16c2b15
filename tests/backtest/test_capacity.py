"""How much larger cohorts could have been: a ledger and volumes by hand."""

from datetime import date

import polars as pl
import pytest

from engine.backtest import Straddle
from engine.backtest.outcome.capacity import capacity_of
from engine.data.contract_quotes import ContractQuotes
from engine.errors import InputError
from engine.testing import small_market
from tests.backtest.test_scenarios import run

DAY, EXPIRY = date(2026, 1, 5), date(2026, 2, 19)
LEDGER = pl.DataFrame(
    [
        (0, DAY, "SPX", EXPIRY, 6000.0, "C", "pm", -10),
        (0, DAY, "AAPL", EXPIRY, 250.0, "P", "pm", 40),
        (0, DAY, "MSFT", EXPIRY, 480.0, "C", "pm", 0),
        (1, DAY, "SPX", EXPIRY, 6000.0, "C", "pm", -1),
        (1, DAY, "IBM", EXPIRY, 300.0, "C", "pm", 5),
    ],
    schema=["cohort", "entry_date", "leg", "expiry", "strike", "right", "settles", "lots"],
    orient="row",
)
VOLUMES = pl.DataFrame(
    [
        (DAY, "SPX", EXPIRY, 6000.0, "C", 5000.0),
        (DAY, "AAPL", EXPIRY, 250.0, "P", 1600.0),
        (DAY, "MSFT", EXPIRY, 480.0, "C", 0.0),
        (date(2026, 1, 6), "IBM", EXPIRY, 300.0, "C", 9.0),  # of another day
    ],
    schema=["date", "ticker", "expiry", "strike", "right", "volume"],
    orient="row",
)


def test_the_contract_of_least_volume_for_its_lots_binds_and_what_has_none_is_counted():
    found = capacity_of(LEDGER, ContractQuotes.of(VOLUMES).rows, 0.05)
    first, second = found.iter_rows(named=True)
    assert (first["leg"], first["multiple"], first["lots"], first["unknown"]) == ("AAPL", 0.05 * 1600.0 / 40.0, 40, 0)
    assert (second["leg"], second["multiple"], second["unknown"]) == ("SPX", 0.05 * 5000.0, 1)


def test_of_a_contract_listed_with_either_settlement_the_one_that_is_held_counts():
    rows = [(DAY, "SPX", EXPIRY, 6000.0, "C", 700.0, "am"), (DAY, "SPX", EXPIRY, 6000.0, "C", 90.0, None)]
    both = pl.DataFrame(rows, schema=[*VOLUMES.columns, "settlement"], orient="row")
    index = LEDGER.filter(cohort=1, leg="SPX")
    for rows in (both, both.reverse()):
        for settles, volume in (("am", 700.0), ("pm", 90.0)):
            held = index.with_columns(settles=pl.lit(settles))
            found = capacity_of(held, ContractQuotes.of(rows).rows, 0.05).row(0, named=True)
            assert (found["volume"], found["settles"]) == (volume, settles)


def test_without_volumes_or_listed_contracts_or_a_share_it_is_refused():
    with pytest.raises(InputError, match="no contract of the market has a volume"):
        capacity_of(LEDGER, ContractQuotes.of(VOLUMES.drop("volume")).rows, 0.05)
    with pytest.raises(InputError, match="marks=listed"):
        run(small_market(5), Straddle(28)).capacity()
