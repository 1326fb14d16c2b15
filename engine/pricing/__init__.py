"""Pure formulas: prices, greeks, implied volatilities and reading a surface."""

from engine.pricing.american import american_price, early_exercise_premium
from engine.pricing.american_implied_vol import american_implied_vol
from engine.pricing.black import black_price, call_delta
from engine.pricing.delta import premium_adjusted_delta, strike_from_delta, strike_from_premium_adjusted_delta
from engine.pricing.greeks import OptionGreeks, option_greeks
from engine.pricing.implied_vol import InversionStatus, implied_vol
from engine.pricing.straddle import StraddleGreeks, straddle
from engine.pricing.strip import StripVariance, model_free_vol, strip_variance
from engine.pricing.surface import node_quantiles, smile_at_tenor, strike_at_delta, tenors_from_expiries, vol_at_strike
from engine.pricing.volatility_swap import sampled_volatility, zero_vanna_vol

__all__ = [
    "InversionStatus",
    "OptionGreeks",
    "StraddleGreeks",
    "StripVariance",
    "american_implied_vol",
    "american_price",
    "black_price",
    "call_delta",
    "early_exercise_premium",
    "implied_vol",
    "model_free_vol",
    "node_quantiles",
    "option_greeks",
    "premium_adjusted_delta",
    "sampled_volatility",
    "smile_at_tenor",
    "straddle",
    "strike_at_delta",
    "strike_from_delta",
    "strike_from_premium_adjusted_delta",
    "strip_variance",
    "tenors_from_expiries",
    "vol_at_strike",
    "zero_vanna_vol",
]
