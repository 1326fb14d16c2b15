"""A call of every kernel, and what goes into it: what the kernel gives is held against the array code it replaces.

A new kernel is one row of `CASES`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from engine.backend import namespace, to_host
from engine.backtest import (
    AtDelta,
    AtForward,
    DailyDelta,
    DeltaBand,
    EarlyExit,
    EveryDays,
    Instrument,
    Kind,
    Recipe,
    Straddle,
    Strangle,
    ThetaNeutral,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.batch import stack
from engine.correlation import AllMembers, implied_correlation
from engine.kernels import switched_off
from engine.pricing import black_price, early_exercise_premium, implied_vol, model_free_vol, straddle
from engine.selection.cscv import BlockSums, block_sums, overfitting
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation

STRADDLE = Straddle(25)


def volatilities(rng, shape, dtype):
    """Quotes with holes: single ones, whole rows, and infinities that stand for broken files."""
    iv = rng.uniform(0.05, 1.2, shape).astype(dtype)
    iv[rng.random(shape) < 0.1] = np.nan
    iv[rng.random(shape[:2]) < 0.1] = np.nan
    iv[rng.random(shape) < 0.01] = np.inf
    return iv


def no_quotes(rng, iv):
    """What vendors write where there is no quote: -1, -99.99, 0, infinite; a few of each."""
    for nothing in (-1.0, -99.99, 0.0, -0.0, np.inf, -np.inf, 1e-42):
        iv[rng.random(iv.shape) < 0.01] = nothing
    return iv


def correlation_inputs(names):
    def inputs(rng, dtype):
        dates, cells = 5, (3, 7)  # no number a multiple of a vector or a warp
        weights = rng.random((4, dates, names)) * (rng.random((4, dates, names)) < 0.7)
        weights[3, 2] = 0.0
        missing = rng.random((dates, *cells)) < 0.1
        index = np.where(missing, np.nan, rng.uniform(0.05, 0.5, (dates, *cells))).astype(dtype)
        return no_quotes(rng, index), no_quotes(rng, volatilities(rng, (dates, names, *cells), dtype)), weights

    return inputs


def book_inputs(listed, names=7, cash=False):
    def inputs(rng, dtype):
        panel = small_market(int(rng.integers(1000)), sessions=90, names=names, listed=listed, missing=0.1)
        to = {"component_iv": panel.component_iv.astype(dtype), "index_iv": panel.index_iv.astype(dtype)}
        if listed:
            smiles = {name: getattr(panel.listed, name).astype(dtype) for name in ("iv", "index_iv")}
            to["listed"] = replace(panel.listed, **smiles)
        # A hole in the data, shares delivered, and a basket that changes its width.
        panel = replace(panel, **to, info=replace(panel.info, physical_delivery=True))
        if cash:  # of two dividends taken off strikes, and of a merger that leaves less than nothing of them
            taken = np.zeros(panel.spot.shape)
            taken[30, 4], taken[38, 4], taken[35, 5] = 5.0, 3.0, 150.0
            panel = replace(panel, strike_reduction=taken)
        kept = np.r_[0:60, 70:90]
        return (panel.map_arrays(lambda _, array: array[kept]),)

    return inputs


def book(panel, structure=STRADDLE, hedge=None):
    """The trade book of cohorts held to their ends, every third sold on its ninth day; only legs that are held."""
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), structure)
    sold = np.where(np.arange(len(cohorts)) % 3 == 0, 9, 99)
    made = build_book(
        panel, panel.weights, cohorts.until(sold), Recipe(structure, ThetaNeutral(), hedge or DailyDelta())
    )
    held = to_host(made.legs.units) != 0.0
    arrays = {
        name: to_host(array)
        for name, array in vars(made).items()
        if name not in ("recipe", "cohorts", "legs", "share", "detail", "listed", "hedges")
    }
    return arrays | {f"legs.{name}": to_host(array)[held] for name, array in vars(made.legs).items()}


@dataclass(frozen=True)
class Uneven:
    """A put spread against a call, a straddle and a put: lists of other lengths, ratios of both signs."""

    tenor = 25
    min_days = 7
    min_coverage = 0.8
    index = (Instrument(Kind.PUT, AtDelta(60.0), 2.0), Instrument(Kind.PUT, AtDelta(85.0), -1.0))
    members = (
        Instrument(Kind.CALL, AtForward(1.02)),
        Instrument(Kind.STRADDLE),
        Instrument(Kind.PUT, AtDelta(90.0), 0.5),
    )


def sweep_inputs(rng, dtype):
    return (small_market(int(rng.integers(1000)), sessions=150),)


def sweep(panel):
    """Five parameter sets of everything that batches, P&L and statistics."""
    xp = namespace(panel.spot)
    rows = np.arange(5.0)
    rules = [
        EarlyExit(
            *(0.5 + 0.2 * i, 2.0 - 0.3 * i, i, 20.0 - i, 0.02 * (1.0 + i), 0.1 * i, 1.0 - 0.1 * i), with_signal=True
        )
        for i in rows
    ]
    result = backtest(
        panel,
        stack([RichCorrelation(window=20, enter=0.2 * i, leave=-0.1 * i) for i in rows], xp),
        exits=stack(rules, xp),
        sizing=stack([VegaNeutral(1.0 + i) for i in rows], xp),
        costs=stack([VolPoints(0.1 * i, 0.2 * i, i, i) for i in rows], xp),
        basket=AllMembers(),
        structure=Straddle(25),
        schedule=Weekly(),
    )
    names = ("entry_exposure", "exit_day", "pnl_gross", "option_cost", "hedge_cost")
    return {name: getattr(result, name) for name in names} | result.summaries


def option_quotes(rng, dtype):
    """Prices from the deep wings to the intrinsic value and beyond, and broken ones; a forward for each row."""
    shape = (19, 67)
    forward = np.exp(rng.uniform(0.0, 9.0, (shape[0], 1)))
    vol, years = np.exp(rng.uniform(-3.0, 0.5, shape)), np.exp(rng.uniform(-6.0, 1.0, shape))
    strike = forward * np.exp(rng.uniform(-9.0, 9.0, shape) * vol * np.sqrt(years))
    is_call = rng.random(shape) < 0.5
    # Growing a price rounds it, by an ulp more or less; where all time value is rounding that chooses between below
    # intrinsic and not identified. So only what is out of the money has a rate.
    rate = np.where(is_call == (strike > forward), 0.03, 0.0)
    price = black_price(forward, strike, vol, years, is_call, rate)
    for broken in (np.nan, np.inf, -1.0, 0.0, 1e30, 1e-300):
        price[rng.random(shape) < 0.01] = broken
    years[rng.random(shape) < 0.01] = 0.0
    strike[rng.random(shape) < 0.01] = np.nan
    return price.astype(dtype), forward, strike, years, is_call, rate


def straddle_inputs(rng, dtype):
    """Straddles of a forward of 100 in all conditions: far away, expired, unquoted, without a volatility or a price."""
    shape = (19, 67)
    years, iv = np.exp(rng.uniform(-8.0, 1.5, (shape[0], 1))), np.exp(rng.uniform(-5.0, 1.0, shape))
    strike = 100.0 * np.exp(rng.uniform(-6.0, 6.0, shape) * np.minimum(iv * np.sqrt(years), 0.5))
    years[rng.random(years.shape) < 0.2] = 0.0
    for a, broken in ((iv, np.nan), (iv, 0.0), (strike, np.nan), (strike, 0.0), (strike, 100.0)):
        a[rng.random(shape) < 0.02] = broken
    return np.full(shape, 100.0), strike, iv.astype(dtype), years, 0.03


def american_options(rng, dtype):
    """Options on shares of 1 to 1000, near and far, and dividends, some of which are paid before or after the life."""
    shape = (7, 13)
    spot, years = np.exp(rng.uniform(0.0, 7.0, shape)), np.exp(rng.uniform(-5.0, 1.0, shape))
    iv, rate = np.exp(rng.uniform(-3.5, 1.0, shape)), rng.uniform(-0.02, 0.1, (shape[0], 1))
    ex_years = rng.uniform(-0.2, 1.5, (*shape, 5)) * years[..., None]
    dividends = rng.uniform(0.0, 0.02, (*shape, 5)) * spot[..., None]
    strike = spot * np.exp(rng.uniform(-3.0, 3.0, shape) * np.minimum(iv * np.sqrt(years), 0.7))
    forward = 0.97 * spot * np.exp(rng.uniform(-0.05, 0.1, shape) * years)
    for a, broken in ((iv, np.nan), (iv, 0.0), (strike, -1.0), (forward, np.inf), (spot, 0.0), (years, 0.0)):
        a[rng.random(shape) < 0.02] = broken
    for a, broken in ((ex_years, np.nan), (dividends, np.nan), (dividends, np.inf)):
        a[rng.random(a.shape) < 0.05] = broken
    dividends[0, 0] *= 80.0  # more than the share is worth
    return spot, forward, strike, iv.astype(dtype), years, rng.random(shape) < 0.5, rate, ex_years, dividends


def early_exercise(*option):
    """The premium per share of the strike, with dividends and without, on trees of many steps and of one."""
    return {
        f"{steps} steps, {len(paid)} of dividends": early_exercise_premium(*option[:7], *paid, steps=steps) / option[2]
        for steps, paid in ((40, option[7:]), (40, ()), (1, option[7:]), (101, option[7:]))
    }


def trials(rng, dtype):
    """Trials by blocks of sessions: some did nothing or stand still, in all blocks or in half, some are equal."""
    results = rng.normal(0.01, 1.0, (331, 400))
    results[::40] = 0.0
    results[1::40, :200] = 0.0
    results[2::40] = 0.1
    results[3::40, 200:] = -0.1
    results[4::40] = results[5::40]
    return tuple(block_sums(results, holding_days=3, count=8).__dict__.values())


def judged(*cut):
    return {name: np.asarray(found) for name, found in asdict(overfitting(BlockSums(*cut))).items()}


SMILE_DELTAS = np.arange(5, 100, 5)


def smiles(rng, dtype):
    """Smiles of several terms with nodes that are not quoted, in more than one block of lanes."""
    iv = rng.uniform(0.05, 0.9, (11, 9, 3, len(SMILE_DELTAS)))
    for broken in (np.nan, 0.0, -0.2, np.inf):
        iv[rng.random(iv.shape) < 0.05] = broken
    iv[0, 0] = np.nan
    iv[0, 1, :, 1:] = np.nan
    return iv.astype(dtype), np.array([0.02, 0.0, 1.0])


def model_free(iv, years):
    return {
        name: model_free_vol(iv, SMILE_DELTAS, years, weighted=weighted)
        for name, weighted in (("variance", False), ("gamma", True))
    }


@dataclass(frozen=True)
class Case:
    """A kernel and what it replaces: the same call, with kernels and without."""

    kernel: str
    inputs: Callable  # (rng, dtype) -> arrays
    call: Callable  # arrays -> record or tuple of arrays
    rtol: float  # of each number
    atol: float = 0.0


CASES = [
    # Sums of 23 positive terms in another order, magnified by A^2 / (A^2 - B) < 30.
    Case("moments", correlation_inputs(names=23), implied_correlation, rtol=1e-12, atol=1e-13),
    # As many names as an index has: several warps and tiles of a GPU. More terms, magnified by less.
    Case("moments", correlation_inputs(names=331), implied_correlation, rtol=1e-12, atol=1e-13),
    # Values near 100 and sums of eight legs of opposite signs: a few 1e-13, notionals near 1000 ten times that.
    Case("book", book_inputs(listed=False), book, rtol=1e-11, atol=1e-11),
    Case("book", book_inputs(listed=True), book, rtol=1e-11, atol=1e-11),
    Case("book", book_inputs(listed=False, names=43), book, rtol=1e-11, atol=1e-11),  # two warps of legs
    Case("book", book_inputs(listed=True, names=43), book, rtol=1e-11, atol=1e-11),
    # Packages of two and of three instruments, the smaller list filled up.
    Case("book", book_inputs(listed=False), partial(book, structure=Strangle(25, delta=30.0)), rtol=1e-11, atol=1e-11),
    Case("book", book_inputs(listed=True), partial(book, structure=Uneven()), rtol=1e-11, atol=1e-11),
    # Hedges that wait; the band's decisions are far from their edge for these seeds.
    Case("book", book_inputs(listed=False), partial(book, hedge=EveryDays(days=4)), rtol=1e-11, atol=1e-11),
    Case("book", book_inputs(listed=True), partial(book, hedge=DeltaBand(band=0.2)), rtol=1e-11, atol=1e-11),
    # Cash taken off strikes, below zero too.
    Case("book", book_inputs(listed=False, cash=True), book, rtol=1e-11, atol=1e-11),
    Case("book", book_inputs(listed=True, cash=True), partial(book, structure=Uneven()), rtol=1e-11, atol=1e-11),
    # Costs and P&L near 100 summed over 150 days; a t-statistic divides by sums that nearly cancel.
    Case("sweep", sweep_inputs, sweep, rtol=1e-10, atol=1e-11),
    # Both are within 1e-10 of the volatility, or say that it is not determined: in the same words.
    Case("implied_vol", option_quotes, implied_vol, rtol=2e-10),
    # Differences of two values near the strike; on a CPU nodes are multiplied up, a few ulp for each of 101 jumps.
    Case("early_exercise", american_options, early_exercise, rtol=1e-11, atol=2e-13),
    # Ranks are counts; the Sharpe ratios of the chosen are sums of 8 numbers in another order.
    Case("overfitting", trials, judged, rtol=1e-11),
    # Where two nodes lie at nearly one d2, the slope between them magnifies a few ulp of variance a thousandfold.
    Case("model_free", smiles, model_free, rtol=2e-12),
    # d1 rounds by some 1e-16 of |d1| + 1 / spread, and moves greeks by up to d1 times as much of their natural scale.
    Case("straddle", straddle_inputs, straddle, rtol=1e-12, atol=1e-12),
]


def arrays(result) -> dict:
    """Fields of a record, or elements of a tuple, by name."""
    if isinstance(result, dict):
        return result
    return vars(result) if hasattr(result, "__dict__") else {str(i): a for i, a in enumerate(result)}


def assert_numbers_of_array_code(xp, case: Case, dtype: str, seed: int) -> None:
    inputs = case.inputs(np.random.default_rng(seed), dtype)
    with switched_off():
        expected = arrays(case.call(*inputs))
    found = arrays(case.call(*(a.to(xp.__name__) if hasattr(a, "to") else xp.asarray(a) for a in inputs)))
    for name, array in expected.items():
        np.testing.assert_allclose(to_host(found[name]), array, rtol=case.rtol, atol=case.atol, err_msg=name)
