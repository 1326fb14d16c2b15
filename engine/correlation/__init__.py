"""The statistic: implied and realised correlation of a basket, and what lies between them."""

from engine.correlation.basket import AllMembers, BasketMoments, Names, TopWeights, basket_moments, index_share
from engine.correlation.decompose import (
    CorrelationChange,
    VarianceChange,
    correlation_change,
    correlation_contribution,
    variance_change,
)
from engine.correlation.dispersion import DispersionMeasures, DispersionStatus, dispersion_measures, surface_dispersion
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.correlation.matrix import (
    Diversification,
    ImpliedMatrix,
    RealizedMatrix,
    diversification,
    implied_matrix,
    realized_matrix,
)
from engine.correlation.premium import correlation_premium
from engine.correlation.realized import (
    RealizedCorrelation,
    daily_returns,
    forward_realized_correlation,
    realized_correlation,
    sessions_in_month,
)
from engine.correlation.sensitivity import (
    CorrelationBand,
    CorrelationSensitivity,
    correlation_band,
    correlation_sensitivity,
)
from engine.correlation.thirty_day import DSPX_TERMS, VIX_TERMS, carried_one_day, choose_terms, dspx, thirty_day_vol

__all__ = [
    "DSPX_TERMS",
    "VIX_TERMS",
    "AllMembers",
    "BasketMoments",
    "CorrelationBand",
    "CorrelationChange",
    "CorrelationSensitivity",
    "CorrelationStatus",
    "DispersionMeasures",
    "DispersionStatus",
    "Diversification",
    "ImpliedCorrelation",
    "ImpliedMatrix",
    "Names",
    "RealizedCorrelation",
    "RealizedMatrix",
    "TopWeights",
    "VarianceChange",
    "basket_moments",
    "carried_one_day",
    "choose_terms",
    "correlation_band",
    "correlation_change",
    "correlation_contribution",
    "correlation_premium",
    "correlation_sensitivity",
    "daily_returns",
    "dispersion_measures",
    "diversification",
    "dspx",
    "forward_realized_correlation",
    "implied_correlation",
    "implied_matrix",
    "index_share",
    "realized_correlation",
    "realized_matrix",
    "sessions_in_month",
    "surface_dispersion",
    "thirty_day_vol",
    "variance_change",
]
