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


def has_iv(column: str) -> pl.Expr:
    """Tell where the vendor has a volatility; a missing one is 0."""
    return pl.col(column).is_finite() & (pl.col(column) > 0.0)


def chain_forwards(chain: pl.DataFrame, spot: pl.DataFrame) -> pl.DataFrame:
    """Return the forward of every smile of the chains, at which its calls and puts have one volatility.

        c = median of ln(K / S) / T + (q(delta) s sqrt(T) - s^2 T / 2) / T,   q the normal quantile,   V = S exp(c T)
        F = median of V + call(V, K, s_call) - call(V, K, s_put) over the strikes nearest V

    V is the forward at which the vendor inverted, which its call deltas tell, all expiries of a day together because
    some of them are stale. Undiscounted, call - put is V - K at one volatility, so what two volatilities add to it is
    how far the traded forward lies from V. Prices of the chains are last trades of different hours: their parity is
    three times as noisy.

    Parameters
    ----------
    chain : frame of date, asset, expiry, strike, call_iv, put_iv (decimals), call_delta (the vendor's, 0..1)
    spot : frame of date, asset, spot

    Returns
    -------
    frame of date, asset, expiry, forward
        V alone where too few strikes have both options; no row where the carry is not known.
    """
    days = (pl.col("expiry") - pl.col("date")).dt.total_days()
    call, put = has_iv("call_iv"), has_iv("put_iv")
    known = chain.filter(days > 0, call | put).join(spot, on=["date", "asset"])
    known = known.with_columns(years=year_fraction(days), days=days)
    near = known.filter(call, pl.col("call_delta").is_between(*NEAR_THE_MONEY), pl.col("days") >= FEWEST_DAYS)
    delta, strike, iv, years = _arrays(near, "call_delta", "strike", "call_iv", "years")
    inverted = pl.Series(strike / strike_from_delta(delta, 1.0, iv, years))
    carry = near.with_columns(carry=(inverted / pl.col("spot")).log() / pl.col("years"))
    carry = _medians(carry, ["date", "asset"], "carry")
    vendor = known.unique(SMILE, maintain_order=True).join(carry, on=["date", "asset"])
    vendor = vendor.select(*SMILE, forward=pl.col("spot") * (pl.col("carry") * pl.col("years")).exp())
    pairs = _nearest(known.filter(call, put).join(vendor, on=SMILE, maintain_order="left"))
    forward, strike, years, call_iv, put_iv = _arrays(pairs, "forward", "strike", "years", "call_iv", "put_iv")
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
    calls, puts = (side.unique(OPTION, keep="first", maintain_order=True) for side in (calls, puts))
    pairs = calls.join(puts.select(*OPTION, mid_put="mid"), on=OPTION)
    pairs = _nearest(pairs.join(spot.rename({"spot": "forward"}), on=["date", "asset"]))
    parity = pl.col("strike") + pl.col("growth") * (pl.col("mid") - pl.col("mid_put"))
    return _medians(pairs.with_columns(parity=parity), SMILE, "parity").rename({"parity": "forward"}).sort(SMILE)


def _nearest(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the first row of each of the strikes nearest the forward, by smile."""
    distance = (pl.col("strike") / pl.col("forward")).log().abs()
    few = pairs.filter(distance.rank("dense").over(SMILE) <= NEAREST)  # and more where they tie
    single = few.unique(OPTION, keep="first", maintain_order=True)
    return single.sort(distance, "strike").group_by(SMILE, maintain_order=True).head(NEAREST)


def _medians(frame: pl.DataFrame, by: list, column: str) -> pl.DataFrame:
    found = frame.group_by(by).agg(pl.col(column).median(), pl.len().alias("rows"))
    return found.filter(pl.col("rows") >= FEWEST).drop("rows")


def _arrays(frame: pl.DataFrame, *columns: str) -> list:
    return [frame[column].to_numpy() for column in columns]
