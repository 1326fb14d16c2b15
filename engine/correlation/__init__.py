"""The statistic: implied and realised correlation of a basket, and what lies between them."""

from engine.correlation.basket import AllMembers, BasketMoments, Names, TopWeights, basket_moments, index_share
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.correlation.indices import INDICES, correlation_index, correlation_indices, index_cell, index_name
from engine.correlation.premium import correlation_premium
from engine.correlation.realized import (
    RealizedCorrelation,
    daily_returns,
    forward_realized_correlation,
    realized_correlation,
    sessions_in_month,
)
from engine.correlation.sectors import Chosen, Everything, Sectors, baskets, correlate_baskets
from engine.correlation.sensitivity import CorrelationSensitivity, correlation_sensitivity

__all__ = [
    "INDICES",
    "AllMembers",
    "BasketMoments",
    "Chosen",
    "CorrelationSensitivity",
    "CorrelationStatus",
    "Everything",
    "ImpliedCorrelation",
    "Names",
    "RealizedCorrelation",
    "Sectors",
    "TopWeights",
    "basket_moments",
    "baskets",
    "correlate_baskets",
    "correlation_index",
    "correlation_indices",
    "correlation_premium",
    "correlation_sensitivity",
    "daily_returns",
    "forward_realized_correlation",
    "implied_correlation",
    "index_cell",
    "index_name",
    "index_share",
    "realized_correlation",
    "sessions_in_month",
]
