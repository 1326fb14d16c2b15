"""Which smile finds quotes that it was not shown: the spline that the engine fits, SSVI and SVI slices, or lines."""

import numpy as np
import polars as pl
import pytest
from scipy.optimize import least_squares

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.filters import usable_quotes
from engine.data.quotes.invert_quotes import inverted_quotes
from engine.data.quotes.parity import parity_forwards
from engine.data.quotes.quoted_smiles import LEAST_NOISE, NOISE_OF_SPREAD
from engine.pricing.smile import fit_smiles, points

SMILE = ["date", "asset", "expiry"]
SHOWN = 8  # one quote in so many


@pytest.fixture(scope="module")
def smiles(shared_data):
    """Every expiry of SPXW on one day: years, ln(K / F), volatility and its noise."""
    rows = pl.read_parquet(shared_data / "us2026" / "spx_quotes.parquet")
    rows = rows.filter(pl.col("session_date") == pl.date(2026, 7, 29), pl.col("root") == "SPXW")
    quotes = rows.select(
        *("expiry", "right"),
        *(pl.col(name).cast(pl.Float64) for name in ("strike", "bid", "ask")),
        date="session_date",
        ticker=pl.lit("SPX"),
        style=pl.lit("european"),
        settlement=pl.lit("pm"),
    )
    levels = pl.read_parquet(shared_data / "us_history" / "cboe_indices.parquet").filter(pl.col("index") == "SPX")
    rate = quotes.select("date").unique().with_columns(rate=pl.lit(float(np.log(1.0364))))
    closes = levels.select("date", ticker=pl.lit("SPX"), close="close")
    usable = usable_quotes(quotes, closes, rate, QualityReport(), Clock(quotes="16:15"))
    inverted = inverted_quotes(usable, parity_forwards(usable), QualityReport()).sort(*SMILE, "strike")
    found = []
    for _, rows in inverted.group_by(SMILE, maintain_order=True):
        iv, bid, ask = (rows[name].to_numpy() for name in ("iv", "bid_iv", "ask_iv"))
        noise = np.maximum(NOISE_OF_SPREAD * np.nan_to_num(0.5 * (ask - bid), nan=0.1) / iv, LEAST_NOISE)
        if len(iv) >= 24:
            found.append((rows["years"][0], np.log(rows["strike"] / rows["forward"]).to_numpy(), iv, noise))
    assert len(found) > 10
    return found


def spline(k, total, noise):
    fitted = fit_smiles(np.zeros(len(k), int), k, np.sqrt(total), noise, 1)
    return lambda at: np.interp(at / fitted.root[0], points(), fitted.spread[0]) ** 2


def lines(k, total, _):
    return lambda at: np.interp(at, k, np.sqrt(total)) ** 2


def ssvi(k, total, noise):
    """Gatheral and Jacquier (2014), one slice: theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2))."""

    def variance(p, k):
        theta, rho, phi = np.exp(p[0]), np.tanh(p[1]), np.exp(p[2])
        return theta / 2.0 * (1.0 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1.0 - rho**2))

    theta = np.log(np.interp(0.0, k, total))
    return fitted(variance, [[theta, -0.7, np.log(2.0) - theta / 2.0], [theta, -0.3, -theta / 2.0]], k, total, noise)


def svi(k, total, noise):
    """Gatheral (2004): a + b (rho (k - m) + sqrt((k - m)^2 + s^2))."""

    def variance(p, k):
        rho, b, s = np.tanh(p[2]), np.exp(p[1]), np.exp(p[4])
        return p[0] + b * (rho * (k - p[3]) + np.sqrt((k - p[3]) ** 2 + s**2))

    theta = np.interp(0.0, k, total)
    root = np.sqrt(theta)
    starts = [
        [0.5 * theta, np.log(0.3 * root), -0.5, 0.2 * root, np.log(root)],
        [0.2 * theta, np.log(0.5 * root), -0.3, 0.0, np.log(0.5 * root)],
    ]
    return fitted(variance, starts, k, total, noise)


def fitted(variance, starts, k, total, noise):
    """The better of robust least squares from several starts, weighted as the spline's."""

    def off(p):
        return (variance(p, k) - total) / (2.0 * total * noise)

    tried = [least_squares(off, start, loss="soft_l1", max_nfev=400) for start in starts]
    best = min(tried, key=lambda one: one.cost)
    return lambda at: variance(best.x, at)


def missed(model, smiles):
    """Median distance, in vol points, from quotes that the model was not shown, within three deviations."""
    distances = []
    for years, k, iv, noise in smiles:
        shown = np.zeros(len(k), bool)
        shown[::SHOWN] = shown[-1] = True
        asked = ~shown & (np.abs(k) < 3.0 * np.interp(0.0, k, iv) * np.sqrt(years))
        curve = model(k[shown], iv[shown] ** 2 * years, noise[shown])
        distances.append(100.0 * np.abs(np.sqrt(np.maximum(curve(k[asked]), 0.0) / years) - iv[asked]))
    return float(np.nanmedian(np.concatenate(distances)))


def test_the_spline_finds_quotes_that_it_was_not_shown_better_than_any_other_smile(smiles):
    own = missed(spline, smiles)
    assert own < 0.01
    assert own < missed(lines, smiles)
    assert own < 0.2 * missed(svi, smiles)  # five numbers are too few for a hundred tight quotes
    assert own < 0.1 * missed(ssvi, smiles)  # and three far too few
