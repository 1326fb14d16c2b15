"""Daily series that are no market of options: published indices, returns, prices, and any frame of one's own."""

from engine.data.series.daily import DailySeries, daily_series
from engine.data.series.own_earnings import reports_within
from engine.data.series.own_signal import own_signal
from engine.data.series.published_indices import load_market_returns, load_published
from engine.data.series.sp500_history import PriceHistory, load_sp500_history

__all__ = [
    "DailySeries",
    "PriceHistory",
    "daily_series",
    "load_market_returns",
    "load_published",
    "load_sp500_history",
    "own_signal",
    "reports_within",
]
