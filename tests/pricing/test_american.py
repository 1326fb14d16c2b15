"""American options against a tree of 2,000 steps, bounds that hold without a model, and prices inverted again."""

import numpy as np
import pytest
from reference_american import american_on_a_tree

from engine.backend import to_host
from engine.errors import InputError
from engine.pricing import InversionStatus, american_implied_vol, american_price, black_price, early_exercise_premium

SPOT = 100.0


def random_options(seed, count, dividends):
    """Options on a share of 100 as keyword arguments, their carry, and quarterly dividends (count, M) or none."""
    rng = np.random.default_rng(seed)
    years, rate = rng.choice([7 / 365, 30 / 365, 0.25, 0.5, 1.0, 2.0], count), rng.uniform(0.0, 0.08, count)
    if dividends:
        ex_years = rng.uniform(0.001, 0.25, count)[:, None] + 0.25 * np.arange(8)
        paid = np.repeat(rng.uniform(0.2, 1.2, count)[:, None], 8, axis=1)
        carry = rate - rng.uniform(0.0, 0.01, count)  # a borrow fee
    else:
        ex_years, paid, carry = np.full((count, 1), np.nan), np.zeros((count, 1)), rate - rng.uniform(0.0, 0.06, count)
    escrowed = np.where(ex_years <= years[:, None], paid * np.exp(-rate[:, None] * ex_years), 0.0).sum(axis=1)
    return {
        "spot": np.full(count, SPOT),
        "forward": (SPOT - escrowed) * np.exp(carry * years),
        "strike": SPOT * np.exp(rng.uniform(-0.3, 0.3, count)),
        "iv": rng.uniform(0.1, 0.7, count),
        "years": years,
        "is_call": rng.random(count) < 0.5,
        "rate": rate,
        "ex_years": ex_years,
        "dividends": paid,
    }, carry


def on_trees(options, carry):
    names = ("strike", "iv", "years", "is_call", "rate")
    rows = zip(*(options[name] for name in names), carry, options["ex_years"], options["dividends"], strict=True)
    return np.array([american_on_a_tree(SPOT, *row[:6], list(zip(*row[6:], strict=True))) for row in rows])


@pytest.mark.parametrize("dividends", [False, True])
def test_prices_equal_those_of_a_fine_tree(dividends):
    options, carry = random_options(3, 60, dividends)
    american, european = on_trees(options, carry).T
    ours = american_price(**options)
    assert np.abs(ours - american).max() < 1e-3 * SPOT
    premium = early_exercise_premium(**options)
    missed = np.abs(premium - (american - european)) / SPOT
    assert (american - european).max() > 1.0, "an option worth exercising is among them"
    assert missed.max() < 5e-4
    assert np.sqrt((missed**2).mean()) < 1e-4


def test_prices_published_elsewhere():
    """Longstaff and Schwartz (2001), table 1: finite differences, puts struck at 40, rate 6 %."""
    spot, vol, years = (
        np.array(a) for a in ([36.0, 36.0, 40.0, 44.0, 44.0], [0.2, 0.4, 0.2, 0.2, 0.4], [1, 2, 1, 1, 2])
    )
    published = np.array([4.478, 8.508, 2.314, 1.110, 5.647])
    price = american_price(spot, spot * np.exp(0.06 * years), 40.0, vol, years, False, 0.06)
    assert (np.abs(price - published) < 3e-4 * spot).all()


def test_a_call_is_exercised_just_before_a_dividend_and_a_put_just_after_it():
    """Far in the money, the price is what waiting until the ex-date pays, wherever it lies between two steps."""
    when, paid, rate, years = np.linspace(0.05, 0.45, 23), 6.0, 0.05, 0.5
    forward = (SPOT - paid * np.exp(-rate * when)) * np.exp(rate * years)
    call = american_price(SPOT, forward, 40.0, 0.1, years, True, rate, when[:, None], np.full((23, 1), paid))
    np.testing.assert_allclose(call, SPOT - 40.0 * np.exp(-rate * when), atol=0.002)
    put = american_price(SPOT, forward, 160.0, 0.1, years, False, rate, when[:, None], np.full((23, 1), paid))
    after = 160.0 * np.exp(-rate * when) - SPOT + paid * np.exp(-rate * when)
    np.testing.assert_allclose(put, np.maximum(after, 60.0), atol=0.01)


def test_no_reason_to_exercise_gives_no_premium(xp):
    strike = xp.linspace(60.0, 160.0, 11)
    call = early_exercise_premium(SPOT, SPOT * np.exp(0.04), strike, 0.3, 1.0, True, 0.04)
    put = early_exercise_premium(SPOT, SPOT, strike, 0.3, 1.0, False, 0.0)
    assert to_host(call).max() < 1e-12
    assert to_host(put).max() < 1e-12


def test_price_is_never_below_exercise_nor_the_european_price(xp):
    options, _ = random_options(5, 400, True)
    options = {name: xp.asarray(values) for name, values in options.items()}
    price = to_host(american_price(**options))
    european = to_host(black_price(*(options[n] for n in ("forward", "strike", "iv", "years", "is_call", "rate"))))
    strike, is_call = to_host(options["strike"]), to_host(options["is_call"])
    assert (price >= np.where(is_call, SPOT - strike, strike - SPOT)).all()
    assert (price >= european).all()


def test_inversion_gives_the_volatility_back_out_of_the_money(xp):
    options, _ = random_options(7, 4000, True)
    options["is_call"] = options["strike"] > options["forward"]
    options = {name: xp.asarray(values) for name, values in options.items()}
    price = american_price(**options)
    vol = to_host(options.pop("iv"))
    iv, status = (to_host(a) for a in american_implied_vol(price, **options))
    names = ("forward", "strike", "years", "is_call", "rate")
    forward, strike, years, is_call, rate = (to_host(options[name]) for name in names)
    premium = to_host(price) - black_price(forward, strike, vol, years, is_call, rate)
    worth = (to_host(price) > 1e-3) & (premium < 0.2 * to_host(price))
    assert worth.sum() > 3000
    assert (status[worth] == InversionStatus.OK).all()
    missed = np.abs(iv - vol)[worth]
    assert missed.max() < 3e-4
    assert np.sqrt((missed**2).mean()) < 2e-5


def test_a_price_that_exercise_pays_has_no_volatility():
    iv, status = american_implied_vol(
        np.array([40.0, 39.0, np.nan]), SPOT, SPOT * np.exp(0.05), 140.0, 1.0, False, 0.05
    )
    assert np.isnan(iv).all()
    assert status[1] in (InversionStatus.BELOW_INTRINSIC, InversionStatus.NOT_CONVERGED)
    assert status[2] == InversionStatus.INVALID


def test_bad_inputs_are_nan_and_neighbours_do_not_matter(xp):
    options, _ = random_options(9, 50, True)
    whole = to_host(early_exercise_premium(**{n: xp.asarray(a) for n, a in options.items()}))
    one = {name: xp.asarray(values[7:8]) for name, values in options.items()}
    assert to_host(early_exercise_premium(**one))[0] == whole[7]
    for name, value in (("iv", np.nan), ("years", 0.0), ("spot", 1.0), ("strike", -5.0)):
        bad = one | {name: xp.asarray([value])}
        assert np.isnan(to_host(early_exercise_premium(**bad))[0]), name


@pytest.mark.parametrize("steps", [0, -3, 2.5, True])
def test_a_tree_has_a_whole_number_of_steps(steps):
    with pytest.raises(InputError, match=rf"steps={steps} is"):
        early_exercise_premium(SPOT, SPOT, 100.0, 0.2, 0.5, False, 0.03, steps=steps)
