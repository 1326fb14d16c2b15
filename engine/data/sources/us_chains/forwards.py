"""Forwards of the US chains by put-call parity, expiry by expiry: of volatilities for the chains, of quotes for SPX."""

import polars as pl

from engine.calendar import year_fraction
from engine.pricing import black_price, strike_from_delta

SMILE = ["date", "asset", "expiry"]
OPTION = [*SMILE, "strike"]
# Calls whose deltas tell the vendor's carry: near the money and not short, where the rounding of deltas weighs little.
NEAR_THE_MONEY = (0.30, 0.70)
FEWEST_DAYS = 36
NEAREST = 8  # strikes whose median is taken: more reach where American puts are exercised early
FEWEST = 3  # calls, and pairs, of which a median says something


def chain_forwards(quotes: pl.DataFrame, spot: pl.DataFrame) -> pl.DataFrame:
    """Return the forward of every smile of the chains, at which its calls and puts have one volatility.

        c = median of ln(K / S) / T + (q(delta) s sqrt(T) - s^2 T / 2) / T,   q the normal quantile,   V = S exp(c T)
        F = median of V + call(V, K, s_call) - call(V, K, s_put) over the strikes nearest V

    V is the forward at which the vendor inverted, which its call deltas tell, all expiries of a day together because
    some of them are stale. Undiscounted, call - put is V - K at one volatility, so what two volatilities add to it is
    how far the traded forward lies from V. Prices of the chains are last trades of different hours: their parity is
    three times as noisy.

    Parameters
    ----------
    quotes : frame of date, asset, expiry, strike, right (C, P), iv (decimals), vendor_delta (0..1)
    spot : frame of date, asset, spot

    Returns
    -------
    frame of date, asset, expiry, forward
        V alone where too few strikes have both options; no row where the carry is not known.
    """
    days = (pl.col("expiry") - pl.col("date")).dt.total_days()
    known = quotes.join(spot, on=["date", "asset"]).filter(days > 0, pl.col("iv") > 0.0)
    known = known.with_columns(years=year_fraction(days), days=days)
    calls, puts = (known.filter(pl.col("right") == right) for right in ("C", "P"))
    near = calls.filter(pl.col("vendor_delta").is_between(*NEAR_THE_MONEY), pl.col("days") >= FEWEST_DAYS)
    delta, strike, iv, years = _arrays(near, "vendor_delta", "strike", "iv", "years")
    inverted = pl.Series(strike / strike_from_delta(delta, 1.0, iv, years))
    carry = near.with_columns(carry=(inverted / pl.col("spot")).log() / pl.col("years"))
    carry = _medians(carry, ["date", "asset"], "carry")
    vendor = known.unique(SMILE, maintain_order=True).join(carry, on=["date", "asset"])
    vendor = vendor.select(*SMILE, forward=pl.col("spot") * (pl.col("carry") * pl.col("years")).exp())
    pairs = _nearest(_pairs(calls, puts, "iv", "years").join(vendor, on=SMILE))
    forward, strike, years = _arrays(pairs, "forward", "strike", "years")
    call_iv, put_iv = _arrays(pairs, "iv", "iv_put")
    from_call, from_put = (black_price(forward, strike, iv, years, True) for iv in (call_iv, put_iv))
    parity = _medians(pairs.with_columns(parity=pl.Series(forward + from_call - from_put)), SMILE, "parity")
    both = vendor.join(parity, on=SMILE, how="left")
    return both.select(*SMILE, pl.coalesce("parity", "forward").alias("forward")).sort(SMILE)


def quoted_forwards(quotes: pl.DataFrame, spot: pl.DataFrame, rate: pl.DataFrame) -> pl.DataFrame:
    """Return the forward of every smile whose options have bid and ask: the median of K + exp(r T) (call - put), mids.

    Parameters
    ----------
    quotes : frame of date, asset, expiry, strike, right (C, P), bid, ask
    spot : frame of date, asset, spot
        Says which strikes are near.
    rate : frame of date, rate (continuous)

    Returns
    -------
    frame of date, asset, expiry, forward
        No row where too few strikes have both options quoted on both sides.
    """
    days = (pl.col("expiry") - pl.col("date")).dt.total_days()
    quoted = quotes.filter(days > 0, pl.col("bid") > 0.0, pl.col("ask") >= pl.col("bid")).join(rate, on="date")
    priced = quoted.with_columns(
        mid=0.5 * (pl.col("bid") + pl.col("ask")), growth=(pl.col("rate") * year_fraction(days)).exp()
    )
    calls, puts = (priced.filter(pl.col("right") == right) for right in ("C", "P"))
    pairs = _nearest(_pairs(calls, puts, "mid", "growth").join(spot.rename({"spot": "forward"}), on=["date", "asset"]))
    parity = pl.col("strike") + pl.col("growth") * (pl.col("mid") - pl.col("mid_put"))
    return _medians(pairs.with_columns(parity=parity), SMILE, "parity").rename({"parity": "forward"}).sort(SMILE)


def _pairs(calls: pl.DataFrame, puts: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Rows of the calls whose put is there too, with the columns; the first of these of the put, named `_put`."""
    one, other = (side.unique(OPTION, keep="first", maintain_order=True) for side in (calls, puts))
    of_put = other.select(*OPTION, pl.col(columns[0]).alias(f"{columns[0]}_put"))
    return one.select(*OPTION, *columns).join(of_put, on=OPTION)


def _nearest(pairs: pl.DataFrame) -> pl.DataFrame:
    distance = (pl.col("strike") / pl.col("forward")).log().abs()
    return pairs.sort(distance, "strike").group_by(SMILE, maintain_order=True).head(NEAREST)


def _medians(frame: pl.DataFrame, by: list, column: str) -> pl.DataFrame:
    found = frame.group_by(by).agg(pl.col(column).median(), pl.len().alias("rows"))
    return found.filter(pl.col("rows") >= FEWEST).drop("rows")


def _arrays(frame: pl.DataFrame, *columns: str) -> list:
    return [frame[column].to_numpy() for column in columns]
