"""Daily files as the Indian exchange publishes them, of rows of the prepared parquet files: every column, every zip."""

import zipfile
from pathlib import Path

import polars as pl

KINDS = {"OPTIDX": "IDO", "OPTSTK": "STO", "FUTIDX": "IDF", "FUTSTK": "STF"}
INDICES = {"NIFTY": "Nifty 50", "BANKNIFTY": "Nifty Bank", "INDIAVIX": "India VIX"}
_UDIFF = [
    "TradDt",
    "BizDt",
    "Sgmt",
    "Src",
    "FinInstrmTp",
    "FinInstrmId",
    "ISIN",
    "TckrSymb",
    "SctySrs",
    "XpryDt",
    "FininstrmActlXpryDt",
    "StrkPric",
    "OptnTp",
    "FinInstrmNm",
    "OpnPric",
    "HghPric",
    "LwPric",
    "ClsPric",
    "LastPric",
    "PrvsClsgPric",
    "UndrlygPric",
    "SttlmPric",
    "OpnIntrst",
    "ChngInOpnIntrst",
    "TtlTradgVol",
    "TtlTrfVal",
    "TtlNbOfTxsExctd",
    "SsnId",
    "NewBrdLotQty",
    "Rmks",
    "Rsvd1",
    "Rsvd2",
    "Rsvd3",
    "Rsvd4",
]
_BLANK = pl.lit(None, pl.String)
OPTION = pl.col("instrument").str.starts_with("OPT")


def _stamp(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%d-%b-%Y")


def udiff(rows: pl.DataFrame) -> pl.DataFrame:
    """Derivatives from July 2024."""
    known = {
        "TradDt": pl.col("date"),
        "BizDt": pl.col("date"),
        "Sgmt": pl.lit("FO"),
        "Src": pl.lit("NSE"),
        "FinInstrmTp": pl.col("instrument").replace(KINDS),
        "FinInstrmId": pl.int_range(70_001, pl.len() + 70_001),
        "TckrSymb": pl.col("symbol"),
        "XpryDt": pl.col("expiry"),
        "FininstrmActlXpryDt": pl.col("expiry"),
        "StrkPric": pl.when(OPTION).then("strike"),
        "OptnTp": pl.when(OPTION).then("option_type"),
        "OpnPric": pl.col("open"),
        "HghPric": pl.col("high"),
        "LwPric": pl.col("low"),
        "ClsPric": pl.col("close"),
        "LastPric": pl.col("close"),
        "UndrlygPric": pl.col("underlying"),
        "SttlmPric": pl.col("settle"),
        "OpnIntrst": pl.col("open_interest"),
        "TtlTradgVol": pl.col("contracts"),
        "TtlNbOfTxsExctd": pl.col("trades"),
        "SsnId": pl.lit("F1"),
        "NewBrdLotQty": pl.col("lot_size"),
    }
    return rows.select(known.get(name, _BLANK).alias(name) for name in _UDIFF)


def legacy(rows: pl.DataFrame, right: str = "OPTION_TYP") -> pl.DataFrame:
    """Derivatives until July 2024, with the comma at the end of each line; OPTIONTYPE of years from 2003 to 2008."""
    return rows.select(
        pl.col("instrument").alias("INSTRUMENT"),
        pl.col("symbol").alias("SYMBOL"),
        _stamp("expiry").alias("EXPIRY_DT"),
        pl.when(OPTION).then("strike").otherwise(0.0).alias("STRIKE_PR"),
        pl.when(OPTION).then("option_type").otherwise(pl.lit("XX")).alias(right),
        *(pl.col(name).alias(name.upper()) for name in ("open", "high", "low", "close")),
        pl.col("settle").alias("SETTLE_PR"),
        pl.col("contracts").alias("CONTRACTS"),
        pl.lit(0.0).alias("VAL_INLAKH"),
        pl.col("open_interest").alias("OPEN_INT"),
        pl.lit(0).alias("CHG_IN_OI"),
        _stamp("date").str.to_uppercase().alias("TIMESTAMP"),
        _BLANK.alias(""),
    )


def oldest(rows: pl.DataFrame) -> pl.DataFrame:
    return legacy(rows, "OPTIONTYPE")


def cash(rows: pl.DataFrame) -> pl.DataFrame:
    """Stocks until July 2024; beside them a series that is no share."""
    prices = {name: pl.col("close").alias(name) for name in ("OPEN", "HIGH", "LOW", "CLOSE", "LAST", "PREVCLOSE")}
    table = rows.select(
        pl.col("symbol").alias("SYMBOL"),
        pl.lit("EQ").alias("SERIES"),
        *prices.values(),
        pl.col("volume").fill_null(0.0).cast(pl.Int64).alias("TOTTRDQTY"),
        pl.lit(0.0).alias("TOTTRDVAL"),
        _stamp("date").str.to_uppercase().alias("TIMESTAMP"),
        pl.lit(1).alias("TOTALTRADES"),
        pl.lit("INE000000000").alias("ISIN"),
        _BLANK.alias(""),
    )
    return pl.concat([table, table.head(1).with_columns(SERIES=pl.lit("GB"), CLOSE=pl.lit(1.0))])


def cash_udiff(rows: pl.DataFrame) -> pl.DataFrame:
    """Stocks from July 2024: the columns of derivatives, those that say nothing with a dash."""
    known = {
        "TradDt": pl.col("date"),
        "BizDt": pl.col("date"),
        "Sgmt": pl.lit("CM"),
        "Src": pl.lit("NSE"),
        "FinInstrmTp": pl.lit("STK"),
        "TckrSymb": pl.col("symbol"),
        "SctySrs": pl.lit("EQ"),
        "ClsPric": pl.col("close"),
        "TtlTradgVol": pl.col("volume").fill_null(1.0),
    }
    return rows.select(known.get(name, pl.lit("-")).alias(name) for name in _UDIFF)


def index_closes(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("symbol").replace(INDICES).alias("Index Name"),
        pl.col("date").dt.strftime("%d-%m-%Y").alias("Index Date"),
        *(pl.lit("-").alias(f"{word} Index Value") for word in ("Open", "High", "Low")),
        pl.col("close").alias("Closing Index Value"),
        *(pl.lit("-").alias(word) for word in ("Points Change", "Change(%)", "Volume", "Turnover (Rs. Cr.)")),
        *(pl.lit("-").alias(word) for word in ("P/E", "P/B", "Div Yield")),
    )


def publish(folder: Path, derivatives: pl.DataFrame, stocks: pl.DataFrame, indices: pl.DataFrame, layout: str) -> None:
    """Write the files of each date: udiff, legacy or oldest."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {"udiff": udiff, "legacy": legacy, "oldest": oldest}[layout]
    for (date,), rows in derivatives.group_by("date", maintain_order=True):
        old = f"{date:%d%b%Y}".upper()
        stem = f"BhavCopy_NSE_FO_0_0_0_{date:%Y%m%d}_F_0000.csv" if layout == "udiff" else f"fo{old}bhav.csv"
        _zipped(folder, stem, written(rows))
    for (date,), rows in stocks.group_by("date", maintain_order=True):
        old = f"{date:%d%b%Y}".upper()
        stem = f"BhavCopy_NSE_CM_0_0_0_{date:%Y%m%d}_F_0000.csv" if layout == "udiff" else f"cm{old}bhav.csv"
        _zipped(folder, stem, (cash_udiff if layout == "udiff" else cash)(rows))
    for (date,), rows in indices.group_by("date", maintain_order=True):
        index_closes(rows).write_csv(folder / f"ind_close_all_{date:%d%m%Y}.csv")


def _zipped(folder: Path, stem: str, table: pl.DataFrame) -> None:
    with zipfile.ZipFile(folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(stem, table.write_csv())
