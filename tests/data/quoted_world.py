"""Option chains whose surface is known: two shares with American options and dividends, an index with European ones."""

import datetime

import numpy as np
import polars as pl

from engine.pricing import american_price, black_price

DATE = datetime.date(2026, 1, 5)
DAYS = (11, 25, 39, 74, 102, 165, 193, 347, 375, 557, 745)
RATE = 0.045
FADES = 0.5  # years in which most of the difference between short and long volatility is gone
NAMES = {  # spot, volatility at the money, short and in the long run, yield, quarterly dividend and its first day
    "IDX": (5000.0, 0.14, 0.18, 0.013, None),
    "PAY": (100.0, 0.28, 0.25, 0.0, (0.9, 30)),
    "ODD": (240.0, 0.45, 0.38, 0.005, None),
}
HALF_SPREAD = {"IDX": 0.0015, "PAY": 0.005, "ODD": 0.008}  # in volatility
FINE_STEPS = 320  # of the trees that price American options here: eight times what is inverted with


def total_variance(ticker, moneyness, years):
    """Total variance at ln(K / F): smooth in time at the money, a skewed hyperbola in standard deviations from it."""
    _, short, long, *_ = NAMES[ticker]
    at_the_money = long**2 * years + (short**2 - long**2) * FADES * (1.0 - np.exp(-years / FADES))
    z = moneyness / np.sqrt(at_the_money)
    skew, wing = (0.30, 0.45) if ticker == "IDX" else (0.15, 0.30)
    return at_the_money * (1.0 - skew * z + wing * (np.sqrt(z * z + 1.0) - 1.0))


def dividends_of(ticker):
    """Ex-dates and amounts."""
    paid = NAMES[ticker][4]
    if paid is None:
        return [], []
    when = [DATE + datetime.timedelta(days=paid[1] + 91 * i) for i in range(9)]
    return when, [paid[0]] * len(when)


def dividend_table():
    when, amount = dividends_of("PAY")
    return pl.DataFrame({"asset": ["PAY"] * len(when), "ex_date": when, "amount": amount})


def forward_of(ticker, days):
    spot, _, _, dividend_yield, _ = NAMES[ticker]
    years = days / 365.0
    ex_years, paid = _timed(ticker)
    worth = sum(a * np.exp(-RATE * t) for t, a in zip(ex_years, paid, strict=True) if t <= years)
    return (spot - worth) * np.exp((RATE - dividend_yield) * years)


def _timed(ticker):
    when, paid = dividends_of(ticker)
    return np.array([(day - DATE).days / 365.0 for day in when]), np.array(paid)


def quotes(seed=0, lag=1.0, noise=0.4):
    """Quotes in cents, mids off by up to `noise` half spreads, of a spot that is `lag` times the close."""
    rng = np.random.default_rng(seed)
    frames = []
    for ticker, (spot, *_) in NAMES.items():
        american = ticker != "IDX"
        ex_years, paid = _timed(ticker)
        for days in DAYS:
            years = days / 365.0
            forward = forward_of(ticker, days) * lag
            reach = np.sqrt(total_variance(ticker, 0.0, years))
            step = spot * reach / 9.0
            step = max(round(step / (spot * 0.005)), 1) * spot * 0.005
            strike = (
                np.arange(np.ceil(forward * np.exp(-2.4 * reach) / step), forward * np.exp(2.1 * reach) / step) * step
            )
            vol = np.sqrt(total_variance(ticker, np.log(strike / forward), years) / years)
            half = HALF_SPREAD[ticker] * np.exp(rng.normal(0.0, 0.3, len(strike)))
            for right in ("C", "P"):
                shift = noise * half * rng.uniform(-1.0, 1.0, len(strike))
                side = []
                for off in (shift - half, shift + half):
                    option = (strike, np.maximum(vol + off, 0.01), years, right == "C", RATE)
                    if american:
                        within = ex_years <= years
                        dates = (ex_years[within], paid[within]) if within.any() else (None, None)
                        side.append(american_price(spot * lag, forward, *option, *dates, steps=FINE_STEPS))
                    else:
                        side.append(black_price(forward, *option))
                frames.append(
                    pl.DataFrame(
                        {
                            "date": DATE,
                            "ticker": ticker,
                            "expiry": DATE + datetime.timedelta(days=days),
                            "strike": strike,
                            "right": right,
                            "bid": np.floor(side[0] * 100.0) / 100.0,
                            "ask": np.ceil(side[1] * 100.0) / 100.0,
                            "style": "american" if american else "european",
                        }
                    )
                )
    return pl.concat(frames)


def closes():
    return pl.DataFrame({"date": DATE, "ticker": list(NAMES), "close": [NAMES[name][0] for name in NAMES]})


def rates():
    return pl.DataFrame({"date": [DATE], "rate": [RATE]})


def true_vol(ticker, delta, days):
    """Volatility at a call delta of the forward."""
    from scipy.special import ndtri

    years = days / 365.0
    spread = np.sqrt(total_variance(ticker, 0.0, years))
    for _ in range(200):
        spread = np.sqrt(total_variance(ticker, spread * (0.5 * spread - ndtri(delta / 100.0)), years))
    return spread / np.sqrt(years)
