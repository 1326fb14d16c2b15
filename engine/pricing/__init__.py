"""Pure formulas: prices, greeks, implied volatilities and reading a surface."""

from engine.pricing.black import black_price, call_delta
from engine.pricing.implied_vol import InversionStatus, implied_vol
from engine.pricing.straddle import StraddleGreeks, straddle
from engine.pricing.surface import smile_at_tenor, tenors_from_expiries, vol_at_strike

__all__ = [
    "InversionStatus",
    "StraddleGreeks",
    "black_price",
    "call_delta",
    "implied_vol",
    "smile_at_tenor",
    "straddle",
    "tenors_from_expiries",
    "vol_at_strike",
]
