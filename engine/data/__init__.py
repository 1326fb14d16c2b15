"""Raw files in, MarketPanel out."""

from engine.data.load import build_panel, extend_panel, find_source, load_market
from engine.data.panel import MarketPanel
from engine.data.records import ListedSmiles, MarketInfo, QuoteStatus, SectorData
from engine.data.series import (
    DailySeries,
    PriceHistory,
    daily_series,
    load_market_returns,
    load_published,
    load_sp500_history,
)
from engine.data.source import FileSource, Source
from engine.data.store.account import load_quality, load_rejected
from engine.data.store.storage import append_panel, open_panel, save_panel
from engine.data.tracking import index_tracking

__all__ = [
    "DailySeries",
    "FileSource",
    "ListedSmiles",
    "MarketInfo",
    "MarketPanel",
    "PriceHistory",
    "QuoteStatus",
    "SectorData",
    "Source",
    "append_panel",
    "build_panel",
    "daily_series",
    "extend_panel",
    "find_source",
    "index_tracking",
    "load_market",
    "load_market_returns",
    "load_published",
    "load_quality",
    "load_rejected",
    "load_sp500_history",
    "open_panel",
    "save_panel",
]
