"""A correlation for every pair of names, and what it says of portfolios and of single names."""

from engine.correlation.matrix.contribution import correlation_contribution
from engine.correlation.matrix.implied import ImpliedMatrix, implied_matrix
from engine.correlation.matrix.nearest import MatrixStatus, nearest_correlation
from engine.correlation.matrix.portfolio import Diversification, diversification, volatility_contribution
from engine.correlation.matrix.realized import RealizedMatrix, realized_matrix

__all__ = [
    "Diversification",
    "ImpliedMatrix",
    "MatrixStatus",
    "RealizedMatrix",
    "correlation_contribution",
    "diversification",
    "implied_matrix",
    "nearest_correlation",
    "realized_matrix",
    "volatility_contribution",
]
