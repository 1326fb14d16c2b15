"""What a table of opening quotations holds."""

import polars as pl

from engine.data.tables.contracts import NUMBER, PRICES, TEXT, Column, Rule, Table

OPENINGS = Table(
    "openings",
    {
        "date": PRICES.columns["date"],
        "ticker": Column(TEXT, required=False, also=PRICES.columns["ticker"].also),
        "open": Column(NUMBER, also=("opening", "settlement_value", "settle", "soq", "set")),
    },
    ("date", "ticker"),
    (Rule("open_not_positive", "open", pl.col("open") <= 0.0),),
)
