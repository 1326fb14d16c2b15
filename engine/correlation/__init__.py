"""The statistic: implied and realised correlation of a basket, and what lies between them."""

from engine.correlation.basket import AllMembers, Basket, Names, TopWeights, index_share
from engine.correlation.decompose import (
    CorrelationChange,
    VarianceChange,
    correlation_change,
    variance_change,
)
from engine.correlation.dispersion import DispersionMeasures, DispersionStatus, dispersion_measures, surface_dispersion
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.correlation.indices import INDICES, correlation_index, correlation_indices, index_cell, index_name
from engine.correlation.market_returns import (
    OWN_BASKET,
    MarketReturns,
    basket_realized,
    market_returns,
    matched_window,
    realized_leg,
    sessions_in_a_row,
)
from engine.correlation.matrix import (
    Diversification,
    ImpliedMatrix,
    MatrixStatus,
    RealizedMatrix,
    correlation_contribution,
    diversification,
    implied_matrix,
    nearest_correlation,
    realized_matrix,
)
from engine.correlation.moments import BasketMoments, basket_moments
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
from engine.correlation.sectors import Chosen, Everything, Sectors, baskets, correlate_baskets
from engine.correlation.sensitivity import (
    CorrelationBand,
    CorrelationSensitivity,
    correlation_band,
    correlation_sensitivity,
)
from engine.correlation.structure import CorrelationSkew, TermStructure, correlation_skew, descends, term_structure
from engine.correlation.thirty_day import DSPX_TERMS, VIX_TERMS, carried_one_day, choose_terms, dspx, thirty_day_vol

__all__ = [
    "DSPX_TERMS",
    "INDICES",
    "OWN_BASKET",
    "VIX_TERMS",
    "AllMembers",
    "Basket",
    "BasketMoments",
    "Chosen",
    "CorrelationBand",
    "CorrelationChange",
    "CorrelationSensitivity",
    "CorrelationSkew",
    "CorrelationStatus",
    "DispersionMeasures",
    "DispersionStatus",
    "Diversification",
    "Everything",
    "ImpliedCorrelation",
    "ImpliedMatrix",
    "MarketReturns",
    "MatrixStatus",
    "Names",
    "PairwiseCorrelation",
    "RealizedCorrelation",
    "RealizedMatrix",
    "Sectors",
    "TermStructure",
    "TopWeights",
    "VarianceChange",
    "VariancePremium",
    "basket_moments",
    "basket_realized",
    "basket_returns",
    "baskets",
    "carried_one_day",
    "choose_terms",
    "correlate_baskets",
    "correlation_band",
    "correlation_change",
    "correlation_contribution",
    "correlation_index",
    "correlation_indices",
    "correlation_premium",
    "correlation_sensitivity",
    "correlation_skew",
    "daily_returns",
    "descends",
    "dispersion_measures",
    "diversification",
    "dspx",
    "forward_realized_correlation",
    "implied_correlation",
    "implied_matrix",
    "index_cell",
    "index_name",
    "index_share",
    "market_returns",
    "matched_window",
    "nearest_correlation",
    "pairwise_correlation",
    "realized_correlation",
    "realized_leg",
    "realized_matrix",
    "rolling_correlation",
    "sessions_in_a_row",
    "sessions_in_month",
    "smoothed_for_display",
    "surface_dispersion",
    "term_structure",
    "thirty_day_vol",
    "variance_change",
    "variance_premium",
]
