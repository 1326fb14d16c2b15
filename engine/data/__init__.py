"""Raw files in, MarketPanel out."""

from engine.data.load import extend_panel, load_market, panel_folder
from engine.data.panel import ListedSmiles, MarketInfo, MarketPanel, QuoteStatus, Sectors
from engine.data.storage import append_panel, load_quality, open_panel, save_panel

__all__ = [
    "ListedSmiles",
    "MarketInfo",
    "MarketPanel",
    "QuoteStatus",
    "Sectors",
    "append_panel",
    "extend_panel",
    "load_market",
    "load_quality",
    "open_panel",
    "panel_folder",
    "save_panel",
]
