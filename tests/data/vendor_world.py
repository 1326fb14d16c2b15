"""One small synthetic market, and writers of it in the format of every vendor.

Four indices with European options that settle at the close, since every format can say that, or says nothing; spots,
bids and asks in cents, volatilities and deltas to four places: no format rounds them further.
"""

import datetime
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtr

from engine.pricing import black_price

RATE = 0.0241
SESSIONS = [datetime.date(2019, 1, day) for day in (7, 8, 9, 10, 11, 14, 15, 16)]
EXPIRIES = [datetime.date(2019, 2, 15), datetime.date(2019, 3, 15), datetime.date(2019, 6, 21)]
STRIKES = np.arange(70.0, 135.0, 5.0)
NAMES = {"SPX": 0.14, "NDX": 0.24, "RUT": 0.28, "XSP": 0.21}  # volatility at the money
ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW", "XSP": "XSP"}


def spots() -> pl.DataFrame:
    rng = np.random.default_rng(7)
    rows = []
    for ticker, vol in NAMES.items():
        path = 100.0 * np.exp(np.cumsum(rng.normal(0.0, vol / 16.0, len(SESSIONS))))
        rows += [(date, ticker, round(close, 2)) for date, close in zip(SESSIONS, path.tolist(), strict=True)]
    return pl.DataFrame(rows, schema=["date", "ticker", "close"], orient="row")


def options() -> pl.DataFrame:
    """Two rows a strike: all that any format has of an option."""
    rows = []
    for date, ticker, spot in spots().iter_rows():
        for expiry in EXPIRIES:
            years = (expiry - date).days / 365.0
            forward = spot * np.exp(RATE * years)
            moneyness = np.log(STRIKES / forward) / np.sqrt(years)
            iv = (NAMES[ticker] * (1.0 - 0.2 * moneyness + 0.1 * moneyness**2)).round(4)
            call_delta = ndtr((np.log(forward / STRIKES) + 0.5 * iv**2 * years) / (iv * np.sqrt(years))).round(4)
            for right in ("C", "P"):
                value = black_price(forward, STRIKES, iv, years, right == "C", RATE)
                for strike, vol, price, delta in zip(STRIKES, iv, value, call_delta, strict=True):
                    bid, ask = max(np.floor(price * 100.0 - 1.0), 0.0) / 100.0, np.ceil(price * 100.0 + 1.0) / 100.0
                    signed = delta if right == "C" else round(delta - 1.0, 4)
                    quote = (bid, ask, vol, signed, int(strike), int(strike) + 3)
                    rows.append((date, ticker, expiry, strike, right, *quote, spot, forward))
    columns = [
        "date",
        "ticker",
        "expiry",
        "strike",
        "right",
        "bid",
        "ask",
        "iv",
        "delta",
        "oi",
        "volume",
        "spot",
        "forward",
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def two_sided(world: pl.DataFrame) -> pl.DataFrame:
    """One row a strike, columns of the put with a suffix."""
    key = ["date", "ticker", "expiry", "strike", "spot", "forward"]
    calls, puts = (world.filter(pl.col("right") == right).drop("right") for right in ("C", "P"))
    return calls.join(puts, on=key, suffix="_put", maintain_order="left")


def codes(world: pl.DataFrame) -> pl.Expr:
    """Compact OSI codes."""
    strike = (pl.col("strike") * 1000.0).cast(pl.Int64).cast(pl.String).str.zfill(8)
    root = pl.col("ticker").replace(ROOTS)
    return pl.concat_str(root, pl.col("expiry").dt.strftime("%y%m%d"), pl.col("right"), strike)


def written(folder: Path, name: str, frame: pl.DataFrame, **options) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_csv(folder / name, **options)


def _american_date(column: str) -> pl.Expr:
    return pl.format("{}/{}/{}", *(getattr(pl.col(column).dt, part)() for part in ("month", "day", "year")))


def orats(folder: Path) -> None:
    """One zipped file a day."""
    rows = two_sided(options())
    day = _american_date
    for (date,), part in rows.group_by("date", maintain_order=True):
        code = part.with_columns(right=pl.lit("C")).select(codes(part).alias("code"))["code"]
        table = part.select(
            ticker="ticker",
            cOpra=code,
            pOpra=code.str.replace(r"C(\d{8})$", "P$1"),
            stkPx="spot",
            expirDate=day("expiry"),
            strike="strike",
            cVolu="volume",
            cOi="oi",
            pVolu="volume_put",
            pOi="oi_put",
            cBidPx="bid",
            cAskPx="ask",
            pBidPx="bid_put",
            pAskPx="ask_put",
            smoothSmvVol="iv",
            iRate=pl.lit(RATE),
            delta="delta",
            trade_date=day("date"),
        )
        stem = f"ORATS_SMV_Strikes_{date:%Y%m%d}"
        (folder / "2019").mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / "2019" / f"{stem}.zip", "w") as archive:
            archive.writestr(f"{stem}.csv", table.write_csv())


def orats_api(folder: Path) -> None:
    table = two_sided(options()).select(
        ticker="ticker",
        tradeDate="date",
        expirDate="expiry",
        strike="strike",
        stockPrice="spot",
        callVolume="volume",
        callOpenInterest="oi",
        putVolume="volume_put",
        putOpenInterest="oi_put",
        callBidPrice="bid",
        callAskPrice="ask",
        putBidPrice="bid_put",
        putAskPrice="ask_put",
        smvVol="iv",
        delta="delta",
        iRate=pl.lit(RATE),
        expiryTod=pl.lit("pm"),
    )
    written(folder, "strikes.csv", table)


def ivydb(folder: Path) -> None:
    """Parquet with days since 1960 and keys as doubles, as a database gives them back."""
    secids = {name: 900000.0 + i for i, name in enumerate(NAMES)}
    secid = pl.col("ticker").replace_strict(secids, return_dtype=pl.Float64)
    days = {name: (pl.col(name) - datetime.date(1960, 1, 1)).dt.total_days() for name in ("date", "expiry")}
    quotes = options().select(
        secid=secid,
        date=days["date"],
        exdate=days["expiry"],
        cp_flag="right",
        strike_price=pl.col("strike") * 1000.0,
        best_bid="bid",
        best_offer="ask",
        volume="volume",
        open_interest="oi",
        impl_volatility="iv",
        delta="delta",
        am_settlement=pl.lit(0),
        contract_size=pl.lit(100),
        ss_flag=pl.lit("0"),
        exercise_style=pl.lit("E"),
    )
    folder.mkdir(parents=True, exist_ok=True)
    quotes.write_parquet(folder / "opprcd2019.parquet")
    prices = spots().select(
        secid=secid, date=days["date"], close="close", cfadj=pl.lit(1), cfret=pl.lit(1), shrout=pl.lit(1000)
    )
    prices.with_columns(shrout=pl.when(pl.col("secid") > 900000.0).then("shrout").otherwise(0)).write_parquet(
        folder / "secprd2019.parquet"
    )
    curve = pl.DataFrame({"date": SESSIONS}).join(pl.DataFrame({"days": [10, 31, 91]}), how="cross")
    curve.select(date=days["date"], days="days", rate=pl.lit(RATE * 100.0)).write_parquet(folder / "zerocd.parquet")
    names = pl.DataFrame({"secid": list(secids.values()), "ticker": list(secids)})
    names.select("secid", pl.lit(14000).alias("effect_date"), "ticker", pl.lit("").alias("class")).write_parquet(
        folder / "secnmd.parquet"
    )


def cboe_datashop(folder: Path) -> None:
    table = options().select(
        underlying_symbol=pl.lit("^") + pl.col("ticker"),
        quote_date="date",
        root=pl.col("ticker").replace(ROOTS),
        expiration="expiry",
        strike="strike",
        option_type="right",
        trade_volume="volume",
        bid_1545="bid",
        ask_1545="ask",
        underlying_bid_1545=pl.col("spot") - 0.01,
        underlying_ask_1545=pl.col("spot") + 0.01,
        implied_underlying_price_1545="forward",
        active_underlying_price_1545="spot",
        implied_volatility_1545="iv",
        delta_1545="delta",
        open_interest="oi",
        delivery_code=pl.lit(""),
    )
    written(folder, "UnderlyingOptionsEODCalcs_2019-01.csv", table)


def optionsdx(folder: Path) -> None:
    rows = two_sided(options()).select(
        "ticker",
        **{
            "[QUOTE_UNIXTIME]": pl.lit(1547672400),
            "[QUOTE_DATE]": pl.col("date"),
            "[UNDERLYING_LAST]": pl.col("spot"),
            "[EXPIRE_DATE]": pl.col("expiry"),
            "[C_DELTA]": pl.col("delta"),
            "[C_IV]": pl.col("iv"),
            "[C_VOLUME]": pl.col("volume"),
            "[C_BID]": pl.col("bid"),
            "[C_ASK]": pl.col("ask"),
            "[STRIKE]": pl.col("strike"),
            "[P_BID]": pl.col("bid_put"),
            "[P_ASK]": pl.col("ask_put"),
            "[P_DELTA]": pl.col("delta_put"),
            "[P_IV]": pl.col("iv_put"),
            "[P_VOLUME]": pl.col("volume_put"),
        },
    )
    for (ticker,), part in rows.group_by("ticker", maintain_order=True):
        folder.mkdir(parents=True, exist_ok=True)
        text = part.drop("ticker").write_csv()
        (folder / f"{ticker.lower()}_eod_201901.txt").write_text(text.replace(",", ", "))


def historicaloptiondata(folder: Path) -> None:
    world = options()
    table = world.select(
        **{
            "underlying": pl.col("ticker"),
            "underlying_last": pl.col("spot"),
            " exchange": pl.lit("*"),
            "optionroot": codes(world),
            "type": pl.when(pl.col("right") == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
            "expiration": pl.col("expiry").dt.strftime("%m/%d/%Y"),
            "quotedate": pl.col("date").dt.strftime("%m/%d/%Y"),
            "strike": pl.col("strike"),
            "last": pl.col("bid"),
            "bid": pl.col("bid"),
            "ask": pl.col("ask"),
            "volume": pl.col("volume"),
            "openinterest": pl.col("oi"),
            "impliedvol": pl.col("iv"),
            "delta": pl.col("delta"),
        }
    )
    with zipfile.ZipFile(_made(folder) / "L2_201901.zip", "w") as archive:
        for (date,), part in table.group_by("quotedate", maintain_order=True):
            month, day, year = date.split("/")
            archive.writestr(f"L2_options_{year}{month}{day}.csv", "\ufeff" + part.write_csv())


def dolthub(folder: Path) -> None:
    table = options().select(
        date="date",
        act_symbol="ticker",
        expiration="expiry",
        strike="strike",
        call_put=pl.when(pl.col("right") == "C").then(pl.lit("Call")).otherwise(pl.lit("Put")),
        bid="bid",
        ask="ask",
        vol="iv",
        delta="delta",
    )
    written(folder, "option_chain.csv", table)
    close = pl.col("close")
    bars = dict.fromkeys(("open", "high", "low", "close"), close)
    written(folder, "ohlcv.csv", spots().select(date="date", act_symbol="ticker", **bars, volume=pl.lit(1)))


def alphavantage(folder: Path) -> None:
    world = options()
    table = world.select(
        contractID=codes(world),
        symbol="ticker",
        expiration="expiry",
        strike="strike",
        type=pl.when(pl.col("right") == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
        mark="bid",
        bid="bid",
        ask="ask",
        volume="volume",
        open_interest="oi",
        date="date",
        implied_volatility="iv",
        delta="delta",
    )
    written(folder, "historical_options.csv", table, line_terminator="\r\n")


def thetadata(folder: Path) -> None:
    table = options().select(
        symbol=pl.col("ticker").replace(ROOTS),
        expiration="expiry",
        strike="strike",
        right=pl.when(pl.col("right") == "C").then(pl.lit("CALL")).otherwise(pl.lit("PUT")),
        timestamp=pl.format("{}T17:16:40.113", "date"),
        volume="volume",
        bid="bid",
        ask="ask",
        delta="delta",
        implied_vol="iv",
        underlying_timestamp=pl.format("{}T16:00:00.000", "date"),
        underlying_price="spot",
    )
    written(folder, "greeks_eod.csv", table, quote_style="non_numeric")
    interest = options().select(
        symbol=pl.col("ticker").replace(ROOTS),
        expiration="expiry",
        strike="strike",
        right=pl.when(pl.col("right") == "C").then(pl.lit("CALL")).otherwise(pl.lit("PUT")),
        timestamp=pl.format("{}T06:30:00.000", "date"),
        open_interest="oi",
    )
    written(folder, "open_interest.csv", interest)


def thetadata_v2(folder: Path) -> None:
    table = options().select(
        root=pl.col("ticker").replace(ROOTS),
        expiration=pl.col("expiry").dt.strftime("%Y%m%d"),
        strike=(pl.col("strike") * 1000).cast(pl.Int64),
        right="right",
        ms_of_day=pl.lit(57600000),
        volume="volume",
        bid="bid",
        ask="ask",
        date=pl.col("date").dt.strftime("%Y%m%d"),
    )
    written(folder, "bulk_eod.csv", table)


def thetadata_bars(folder: Path) -> None:
    """Bars of two times of a day, of which the later one counts; without a price of the underlying."""
    mid = (pl.col("bid") + pl.col("ask")) / 2.0
    late = options().select(
        symbol=pl.col("ticker").replace(ROOTS),
        expiration="expiry",
        strike="strike",
        right=pl.when(pl.col("right") == "C").then(pl.lit("CALL")).otherwise(pl.lit("PUT")),
        timestamp=pl.format("{}T15:30:00.000", "date"),
        **dict.fromkeys(("open", "high", "low", "close"), mid),
        volume="volume",
        count=pl.lit(1),
        vwap=mid,
    )
    early = late.with_columns(pl.col("timestamp").str.replace("T15", "T10"), pl.col("close") * 2.0)
    written(folder, "ohlc.csv", pl.concat([late, early]))


def _nanoseconds(column: str, hour: int) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("ns")).dt.offset_by(f"{hour}h").cast(pl.Int64)


def polygon(folder: Path) -> None:
    """Gzipped files by day; the close of an option is its mid."""
    world = options()
    mid = (pl.col("bid") + pl.col("ask")) / 2.0
    bars = {name: pl.lit(1) for name in ("transactions", "open", "high", "low")}
    traded = world.select("date", ticker=pl.lit("O:") + codes(world), close=mid, volume="volume")
    stocks = spots().select("date", "ticker", "close", volume=pl.lit(1, pl.Int64))
    for (date,), part in pl.concat([traded, stocks]).group_by("date", maintain_order=True):
        place = _made(folder / f"{date:%Y}" / f"{date:%m}")
        part.select("ticker", "close", "volume", window_start=_nanoseconds("date", 5), **bars).write_csv(
            place / f"{date}.csv.gz", compression="gzip", check_extension=False
        )


def polygon_quotes(folder: Path) -> None:
    """Two quotes of each contract a day, of which the earlier is nonsense, and daily bars of the stocks alone."""
    world = options()
    for (date,), part in world.with_columns(ticker_=pl.lit("O:") + codes(world)).group_by("date", maintain_order=True):
        late = part.select(ticker="ticker_", ask_price="ask", bid_price="bid", sip_timestamp=_nanoseconds("date", 20))
        early = late.with_columns(pl.col("bid_price", "ask_price") / 2.0, pl.col("sip_timestamp") - 3_600 * 10**9)
        sizes = {name: pl.lit(1) for name in ("ask_size", "bid_size", "sequence_number")}
        pl.concat([late, early]).with_columns(**sizes).write_csv(
            _made(folder / "quotes_v1") / f"{date}.csv.gz", compression="gzip", check_extension=False
        )
    bars = {name: pl.lit(1) for name in ("volume", "transactions", "open", "high", "low")}
    written(folder, "stocks.csv", spots().select("ticker", "close", window_start=_nanoseconds("date", 5), **bars))


def _padded(world: pl.DataFrame) -> pl.Series:
    symbol = world.select(codes(world).str.replace(r"^([A-Z]+)(\d{6}[CP]\d{8})$", "${1}      $2").alias("symbol"))
    return symbol["symbol"].str.replace(r"^(.{6}) *(.{15})$", "$1$2")


def databento(folder: Path) -> None:
    """Consolidated quotes in billionths and padded codes, open interest, bars of the indices themselves."""
    world = options()
    symbol = _padded(world)
    ids = {"rtype": pl.lit(195), "publisher_id": pl.lit(30), "instrument_id": pl.lit(1)}
    stamps = {name: _nanoseconds("date", 21) for name in ("ts_recv", "ts_event")}
    billionths = {side: (pl.col(side) * 1e9).round().cast(pl.Int64) for side in ("bid", "ask")}
    quotes = world.select(**stamps, **ids, bid_px_00=billionths["bid"], ask_px_00=billionths["ask"], symbol=symbol)
    written(folder, "opra-pillar-201901.cbbo-1m.csv", quotes)
    interest = world.select(**stamps, **ids, stat_type=pl.lit(9), quantity="oi", symbol=symbol)
    written(folder, "opra-pillar-201901.statistics.csv", interest)
    _daily_bars(folder, ids)


def databento_trades(folder: Path) -> None:
    """Two trades of each contract a day, the later one at the mid, in text with nine decimals."""
    world = options()
    ids = {"rtype": pl.lit(0), "publisher_id": pl.lit(30), "instrument_id": pl.lit(1)}
    mid = ((pl.col("bid") + pl.col("ask")) / 2.0).round(3).map_elements("{:.9f}".format, return_dtype=pl.String)
    late = world.select(
        **{name: _nanoseconds("date", 20) for name in ("ts_recv", "ts_event")},
        **ids,
        **{"action": pl.lit("T"), "side": pl.lit("N"), "depth": pl.lit(0), "price": mid},
        size="volume",
        sequence=pl.lit(2),
        symbol=_padded(world),
    )
    early = late.with_columns(pl.lit("99.000000000").alias("price"), pl.col("ts_event") - 3_600 * 10**9)
    written(folder, "opra-pillar-201901.trades.csv", pl.concat([late, early]))
    _daily_bars(folder, ids)


def _daily_bars(folder: Path, ids: dict[str, pl.Expr]) -> None:
    """Write bars of the indices themselves."""
    close = pl.col("close")
    bars = dict.fromkeys(("open", "high", "low", "close"), close)
    day = spots().select(
        ts_event=pl.format("{}T00:00:00.000000000Z", "date"),
        **ids | {"rtype": pl.lit(35)},
        **bars,
        volume=pl.lit(1),
        symbol="ticker",
    )
    written(folder, "equs-201901.ohlcv-1d.csv", day)


def yfinance(folder: Path) -> None:
    """A file a day and side, with the spot that whoever saved it added."""
    world = options()
    table = world.with_columns(
        contractSymbol=codes(world), lastTradeDate=pl.format("{} 20:58:31+00:00", "date"), lastPrice=pl.col("bid")
    )
    for (date, right), part in table.group_by("date", "right", maintain_order=True):
        saved = part.select(
            "contractSymbol",
            "lastTradeDate",
            "strike",
            "lastPrice",
            "bid",
            "ask",
            "spot",
            volume="volume",
            openInterest="oi",
            impliedVolatility="iv",
        )
        written(folder, f"{'calls' if right == 'C' else 'puts'}_{date}.csv", saved)


def _instrument() -> pl.Expr:
    expiry = pl.col("expiry").dt.strftime("%d%b%y").str.to_uppercase()
    return pl.format("{}-{}-{}-{}", "ticker", expiry, pl.col("strike").cast(pl.Int64), "right")


def tardis(folder: Path) -> None:
    """In coin of the forward, percent and microseconds."""
    coin = {side: pl.col(side) / pl.col("forward") for side in ("bid", "ask")}
    table = options().select(
        exchange=pl.lit("deribit"),
        symbol=_instrument(),
        timestamp=_nanoseconds("date", 20) // 1000,
        local_timestamp=_nanoseconds("date", 20) // 1000,
        type=pl.when(pl.col("right") == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
        strike_price="strike",
        expiration=_nanoseconds("expiry", 8) // 1000,
        open_interest="oi",
        bid_price=coin["bid"],
        ask_price=coin["ask"],
        mark_iv=pl.col("iv") * 100.0,
        underlying_price="forward",
        delta="delta",
    )
    written(folder, "deribit_options_chain_2019-01_OPTIONS.csv", table)


def deribit(folder: Path) -> None:
    coin = {side: pl.col(side) / pl.col("forward") for side in ("bid", "ask")}
    table = options().select(
        instrument_name=_instrument(),
        bid_price=coin["bid"],
        ask_price=coin["ask"],
        mark_iv=pl.col("iv") * 100.0,
        open_interest="oi",
        underlying_price="forward",
        estimated_delivery_price="spot",
        creation_timestamp=_nanoseconds("date", 20) // 1_000_000,
    )
    written(folder, "book_201901.csv", table)


def nse_udiff(folder: Path) -> None:
    """Zips by day; open interest in units, the close of an option is its mid."""
    fields = {
        "TradDt": pl.col("date"),
        "FinInstrmTp": pl.lit("IDO"),
        "TckrSymb": pl.col("ticker"),
        "SctySrs": pl.lit(""),
        "FininstrmActlXpryDt": pl.col("expiry"),
        "StrkPric": pl.col("strike"),
        "OptnTp": pl.col("right") + pl.lit("E"),
        "ClsPric": (pl.col("bid") + pl.col("ask")) / 2.0,
        "UndrlygPric": pl.col("spot"),
        "OpnIntrst": pl.col("oi") * 100,
        "TtlTradgVol": pl.col("volume"),
        "NewBrdLotQty": pl.lit(100),
    }
    world = options()
    futures = world.unique(["date", "ticker", "expiry"], maintain_order=True)
    of_future = {
        "FinInstrmTp": pl.lit("IDF"),
        "StrkPric": pl.lit(None, pl.Float64),
        "OptnTp": pl.lit(""),
        "ClsPric": pl.col("forward"),
    }
    table = pl.concat([world.select("date", **fields), futures.select("date", **fields | of_future)])
    for (date,), part in table.group_by("date", maintain_order=True):
        stem = f"BhavCopy_NSE_FO_0_0_0_{date:%Y%m%d}_F_0000.csv"
        with zipfile.ZipFile(_made(folder) / f"{stem}.zip", "w") as archive:
            archive.writestr(stem, part.drop("date").write_csv())


def nse_legacy(folder: Path) -> None:
    """The layout until 2024 with its comma at the end, and the cash market for spots."""
    fields = {
        "INSTRUMENT": pl.lit("OPTIDX"),
        "SYMBOL": pl.col("ticker"),
        "EXPIRY_DT": pl.col("expiry").dt.strftime("%d-%b-%Y"),
        "STRIKE_PR": pl.col("strike"),
        "OPTION_TYP": pl.col("right") + pl.lit("E"),
        "CLOSE": (pl.col("bid") + pl.col("ask")) / 2.0,
        "CONTRACTS": pl.col("volume"),
        "OPEN_INT": pl.col("oi"),
        "TIMESTAMP": pl.col("date").dt.strftime("%d-%b-%Y").str.to_uppercase(),
        "": pl.lit(None, pl.String),
    }
    of_future = {
        "INSTRUMENT": pl.lit("FUTIDX"),
        "STRIKE_PR": pl.lit(0.0),
        "OPTION_TYP": pl.lit("XX"),
        "CLOSE": pl.col("forward"),
    }
    world = options()
    futures = world.unique(["date", "ticker", "expiry"], maintain_order=True)
    table = pl.concat([world.select("date", **fields), futures.select("date", **fields | of_future)])
    for (date,), part in table.group_by("date", maintain_order=True):
        stem = f"fo{date:%d%b%Y}bhav.csv".replace(f"{date:%b}", f"{date:%b}".upper())
        with zipfile.ZipFile(_made(folder) / f"{stem}.zip", "w") as archive:
            archive.writestr(stem, part.drop("date").write_csv())
        cash = spots().filter(pl.col("date") == date)
        stamp = f"{date:%d-%b-%Y}".upper()
        written(
            folder,
            f"cm{date:%d%b%Y}bhav.csv",
            cash.select(
                SYMBOL="ticker", SERIES=pl.lit("EQ"), CLOSE="close", TOTTRDQTY=pl.lit(1), TIMESTAMP=pl.lit(stamp)
            ),
        )


def lean(folder: Path) -> None:
    """One headerless file for each contract in a zip of each ticker, and zips of daily bars."""
    scaled = {side: (pl.col(side) * 10_000.0).round().cast(pl.Int64) for side in ("bid", "ask")}
    bars = pl.format(
        "{} 00:00,{}5,{}5",
        pl.col("date").dt.strftime("%Y%m%d"),
        *(pl.format("{},{},{},{},", *[side] * 4) for side in scaled),
    )
    _lean_options(folder, "quote", options().with_columns(**scaled).with_columns(line=bars))


def lean_trades(folder: Path) -> None:
    mid = ((pl.col("bid") + pl.col("ask")) * 5_000.0).round().cast(pl.Int64)
    stamp = pl.col("date").dt.strftime("%Y%m%d")
    rows = options().with_columns(mid=mid)
    _lean_options(
        folder, "trade", rows.with_columns(line=pl.format("{} 00:00,{},{},{},{},{}", stamp, *["mid"] * 4, "volume"))
    )


def _lean_options(folder: Path, tick: str, world: pl.DataFrame) -> None:
    for (ticker,), part in world.group_by("ticker", maintain_order=True):
        low = ticker.lower()
        with zipfile.ZipFile(_made(folder) / f"{low}_2019_{tick}_european.zip", "w") as archive:
            for (expiry, strike, right), rows in part.group_by("expiry", "strike", "right", maintain_order=True):
                side = "call" if right == "C" else "put"
                member = f"{low}_{tick}_european_{side}_{int(strike * 10_000)}_{expiry:%Y%m%d}.csv"
                archive.writestr(member, "\n".join(rows["line"]))
        closes = [
            f"{date:%Y%m%d} 00:00,{value},{value},{value},{value},1"
            for date, name, value in spots().with_columns((pl.col("close") * 10_000).round().cast(pl.Int64)).iter_rows()
            if name == ticker
        ]
        with zipfile.ZipFile(folder / f"{low}.zip", "w") as archive:
            archive.writestr(f"{low}.csv", "\n".join(closes))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_QUOTED = ("bid", "ask")
_ALL = (*_QUOTED, "iv", "delta", "oi", "volume", "settlement")
# Format -> (vendor, writer, columns of an option that it has, other tables of its own).
FORMATS = {
    "orats": ("orats", orats, _ALL, ("prices", "rates")),
    "orats_api": ("orats", orats_api, _ALL, ("prices", "rates")),
    "ivydb": ("ivydb", ivydb, (*_ALL, "multiplier"), ("prices", "rates", "weights")),
    "cboe_datashop": ("cboe_datashop", cboe_datashop, (*_ALL, "forward"), ("prices",)),
    "optionsdx": ("optionsdx", optionsdx, (*_QUOTED, "iv", "delta", "volume"), ("prices",)),
    "historicaloptiondata": ("historicaloptiondata", historicaloptiondata, _ALL, ("prices",)),
    "dolthub": ("dolthub", dolthub, (*_QUOTED, "iv", "delta"), ("prices",)),
    "alphavantage": ("alphavantage", alphavantage, _ALL, ()),
    "thetadata": ("thetadata", thetadata, _ALL, ("prices",)),
    "thetadata_v2": ("thetadata", thetadata_v2, (*_QUOTED, "volume", "settlement"), ()),
    "thetadata_bars": ("thetadata", thetadata_bars, ("price", "settlement"), ()),
    "polygon": ("polygon", polygon, ("price", "volume", "settlement"), ("prices",)),
    "polygon_quotes": ("polygon", polygon_quotes, (*_QUOTED, "settlement"), ("prices",)),
    "databento": ("databento", databento, (*_QUOTED, "oi", "settlement"), ("prices",)),
    "databento_trades": ("databento", databento_trades, ("price", "settlement"), ("prices",)),
    "yfinance": ("yfinance", yfinance, (*_QUOTED, "iv", "oi", "volume", "settlement"), ("prices",)),
    "tardis": ("deribit", tardis, (*_QUOTED, "iv", "delta", "oi", "forward"), ()),
    "deribit": ("deribit", deribit, (*_QUOTED, "iv", "oi", "forward"), ("prices",)),
    "nse_udiff": ("nse_files", nse_udiff, ("price", "oi", "volume", "multiplier", "forward"), ("prices", "forwards")),
    "nse_legacy": ("nse_files", nse_legacy, ("price", "volume", "forward"), ("prices", "forwards")),
    "lean": ("lean", lean, _QUOTED, ("prices",)),
    "lean_trades": ("lean", lean_trades, ("price", "volume"), ("prices",)),
}
