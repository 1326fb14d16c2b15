"""The statistic: implied and realised correlation of a basket, and what lies between them."""

from engine.correlation.basket import AllMembers, BasketMoments, Names, TopWeights, basket_moments, index_share
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.correlation.pairwise import (
    PairwiseCorrelation,
    basket_returns,
    pairwise_correlation,
    rolling_correlation,
    smoothed_for_display,
)
from engine.correlation.premium import VariancePremium, correlation_premium, variance_premium
from engine.correlation.realized import (
    RealizedCorrelation,
    daily_returns,
    forward_realized_correlation,
    realized_correlation,
    sessions_in_month,
)
from engine.correlation.sensitivity import CorrelationSensitivity, correlation_sensitivity
from engine.correlation.structure import CorrelationSkew, TermStructure, correlation_skew, descends, term_structure

__all__ = [
    "AllMembers",
    "BasketMoments",
    "CorrelationSensitivity",
    "CorrelationSkew",
    "CorrelationStatus",
    "ImpliedCorrelation",
    "Names",
    "PairwiseCorrelation",
    "RealizedCorrelation",
    "TermStructure",
    "TopWeights",
    "VariancePremium",
    "basket_moments",
    "basket_returns",
    "correlation_premium",
    "correlation_sensitivity",
    "correlation_skew",
    "daily_returns",
    "descends",
    "forward_realized_correlation",
    "implied_correlation",
    "index_share",
    "pairwise_correlation",
    "realized_correlation",
    "rolling_correlation",
    "sessions_in_month",
    "smoothed_for_display",
    "term_structure",
    "variance_premium",
]
