"""Raw files in, MarketPanel out."""

from engine.data.load import extend_panel, load_market, panel_folder
from engine.data.panel import ListedSmiles, MarketInfo, MarketPanel, QuoteStatus, Sectors
from engine.data.series import DailySeries, daily_series
from engine.data.sources.cboe_history import load_market_returns, load_published
from engine.data.sources.sp500_history import PriceHistory, load_sp500_history
from engine.data.storage import append_panel, load_quality, open_panel, save_panel

__all__ = [
    "DailySeries",
    "ListedSmiles",
    "MarketInfo",
    "MarketPanel",
    "PriceHistory",
    "QuoteStatus",
    "Sectors",
    "append_panel",
    "daily_series",
    "extend_panel",
    "load_market",
    "load_market_returns",
    "load_published",
    "load_quality",
    "load_sp500_history",
    "open_panel",
    "panel_folder",
    "save_panel",
]
