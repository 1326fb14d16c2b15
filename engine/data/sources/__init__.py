"""Where markets come from: one module per vendor or exchange format, and the table that names them.

To add a vendor, write `<vendor>.py` here with its layouts and a class that derives from
`engine.data.vendors.market.VendorMarket`, as `dolthub` is; name it in the table and in
`engine.data.vendors.recognise.VENDORS`, and add `configs/market/<vendor>.yaml`. A source of another kind is a folder
whose `source.py` holds a frozen dataclass that derives from `engine.data.source.FileSource`: `us_chains` has vendor
volatilities, `nse` prices to invert.
"""

SOURCES = {
    "synthetic": "engine.data.sources.synthetic:Synthetic",
    "files": "engine.data.sources.files:Files",
    "panel": "engine.data.sources.panel:StoredPanel",
    "us_chains": "engine.data.sources.us_chains.source:UsChains",
    "nse": "engine.data.sources.nse.source:Nse",
    "orats": "engine.data.sources.orats:Orats",
    "ivydb": "engine.data.sources.ivydb:IvyDb",
    "cboe_datashop": "engine.data.sources.cboe_datashop:CboeDatashop",
    "optionsdx": "engine.data.sources.optionsdx:OptionsDx",
    "historicaloptiondata": "engine.data.sources.historicaloptiondata:HistoricalOptionData",
    "dolthub": "engine.data.sources.dolthub:DoltHub",
    "alphavantage": "engine.data.sources.alphavantage:AlphaVantage",
    "thetadata": "engine.data.sources.thetadata:ThetaData",
    "polygon": "engine.data.sources.polygon:Polygon",
    "databento": "engine.data.sources.databento:Databento",
    "yfinance": "engine.data.sources.yfinance:YFinance",
    "deribit": "engine.data.sources.deribit:Deribit",
    "nse_files": "engine.data.sources.nse_files:NseFiles",
    "lean": "engine.data.sources.lean:Lean",
}
