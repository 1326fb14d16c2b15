"""The statistic: implied and realised correlation of a basket, and what lies between them."""

from engine.correlation.basket import AllMembers, BasketMoments, Names, TopWeights, basket_moments, index_share
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.correlation.premium import correlation_premium
from engine.correlation.realized import (
    RealizedCorrelation,
    daily_returns,
    forward_realized_correlation,
    realized_correlation,
    sessions_in_month,
)
from engine.correlation.sensitivity import CorrelationSensitivity, correlation_sensitivity

__all__ = [
    "AllMembers",
    "BasketMoments",
    "CorrelationSensitivity",
    "CorrelationStatus",
    "ImpliedCorrelation",
    "Names",
    "RealizedCorrelation",
    "TopWeights",
    "basket_moments",
    "correlation_premium",
    "correlation_sensitivity",
    "daily_returns",
    "forward_realized_correlation",
    "implied_correlation",
    "index_share",
    "realized_correlation",
    "sessions_in_month",
]
