"""The kernels: what each of their entry points takes, and the constants that their C text is given."""

from engine.kernels.codes import (
    MAGNITUDES,
    MARKED_PARTS,
    PARTS,
    STATISTICS,
    Beyond,
    CorrelationStatus,
    HedgeRule,
    InversionStatus,
    LegStatus,
)
from engine.kernels.declare import Entry, Kernel, codes, numbers, positions, reads, writes

PIECE = 256  # elements that a CPU takes through a formula at once: pieces.cuh
LANES = 64  # smiles that a CPU walks along at once: model_free.cu
OPTIONS = 16  # whose trees a CPU climbs at once: early_exercise.cu
SPLITS = 8  # of the sessions that a CPU looks at at once: overfitting.cu
THREADS = 128  # on a GPU, of a block that looks at one
MOST_STEPS = 128  # on a GPU, of such a tree
MOST_DELTAS = 64  # on a CPU, how many nodes of a smile the book has room for
MOST_LEGS = 512  # on a GPU, how many legs of a cohort it has, the index included: each is a thread of a block

MARKET = (
    *numbers("legs days dates names slots deltas"),
    *reads("i64", "name", "cohorts legs"),
    *reads("i64", "session slot", "cohorts days+1"),
    *reads("double", "near far", "cohorts days+1"),
    *reads("u8", "beyond", "cohorts days+1"),
    *reads("double", "years rate", "cohorts days+1"),
    *reads("STORED", "index_smile", "dates slots deltas"),
    *reads("STORED", "smile", "dates names slots deltas"),
    *reads("double", "quantile", "deltas"),
    *reads("double", "index_forward", "dates slots", optional=True),  # of listed expiries
    *reads("double", "forward", "dates names slots", optional=True),
    *reads("double", "index_spot index_carry", "dates"),
    *reads("double", "spot carry", "dates names"),
)

ENTER = (
    *MARKET,
    *writes("u8", "quoted", "cohorts legs+1"),
    *writes("double", "at_forward at_iv value delta gamma vega theta vanna volga", "cohorts legs+1"),
)

HOLD = (
    *MARKET,
    *reads("double", "left growth rerated", "cohorts days+1"),
    *reads("i64", "life outcome", "cohorts"),
    *reads("double", "strike_factor settlement", "dates names"),
    *reads("double", "strike_reduction", "dates names", optional=True),
    *numbers("physical_delivery"),
    *numbers("hedge_by", "double"),
    *numbers("instruments"),
    *reads("double", "payoff", "2 instruments 3"),  # of index and members: ratio, straddles, forwards
    *reads("double", "units", "cohorts legs+1"),
    *reads("double", "strike", "cohorts legs+1 instruments"),
    *writes("double", "explained", f"cohorts days+1 2 {len(PARTS)}"),
    *writes("double", "magnitude", f"cohorts days+1 {len(MAGNITUDES)}"),
    *writes("double", "vega_traded vega_held hedge_traded hedge_held delivered", "cohorts days+1 2"),
    *writes("double", "shares_at_end leg_hedge", "cohorts legs+1"),
    *writes("i64", "end status", "cohorts legs+1"),
    *writes("double", "exit_value pnl_option pnl_hedge financing own_vega own_delivered", "cohorts legs+1 instruments"),
)

HYSTERESIS = (
    *reads("double", "signal", "dates"),
    *numbers("dates"),
    *reads("double", "enter leave", "sets"),
    *writes("double", "state", "sets dates"),
)

EXIT_DAYS = (
    *numbers("cohorts days dates"),
    *reads("i64", "entry life", "cohorts"),
    *reads("double", "pnl days_left moved", "cohorts days+1"),
    *reads("double", "correlation", "dates"),
    *reads("double", "entry_exposure", "sets cohorts", strides="entry_exposure_stride"),
    *reads("double", "exposure", "sets dates", strides="exposure_stride"),
    *reads("double", "stop target at_days_left sessions band low high", "sets"),
    *numbers("with_signal lag"),
    *writes("i64", "exit_day", "sets cohorts"),
)

ACCOUNTS = (
    *numbers("cohorts days dates"),
    *reads("i64", "entry life", "cohorts"),
    *reads("double", "gross index_traded component_traded index_held component_held", "cohorts days+1"),
    *reads("double", "hedge_traded hedge_held delivered", "cohorts days+1"),
    *reads("double", "entry_exposure", "sets cohorts"),
    *reads("i64", "exit_day", "sets cohorts", optional=True),
    *reads("double", "index_vega index_rate component_rate hedge_bps delivery_bps hurdle", "sets"),
    *numbers("lags"),
    *writes("double", "pnl_rows option_rows hedge_rows", "sets dates", optional=True),
    *writes("double", "statistics", f"sets {len(STATISTICS)}"),
)

IMPLIED_CORRELATION = (
    *reads("STORED", "iv", "dates names cells", strides="date_stride name_stride"),
    *numbers("names cells"),
    *reads("double", "weights", "baskets dates names"),
    *numbers("dates baskets"),
    *reads("double", "index_iv", "baskets dates cells", strides="index_stride"),
    *numbers("min_coverage least_vol", "double"),
    *writes("double", "clean dirty variance_ratio", "baskets dates cells"),
    *writes("u8", "status", "baskets dates cells"),
    *writes("double", "coverage", "baskets dates cells"),
    *writes("int", "quoted_names", "baskets dates cells"),
)


def elements(type: str, names: str):
    """Declare inputs of `elementwise`, each followed by its stride."""
    return (parameter for name in names.split() for parameter in reads(type, name, "items", strides=f"{name}_stride"))


IMPLIED_VOL = (
    *elements("double", "price forward strike years rate"),
    *elements("u8", "is_call"),
    *writes("double", "iv", "items"),
    *writes("u8", "status", "items"),
)

STRADDLE = (
    *elements("double", "forward strike iv years rate"),
    *writes("double", "value delta gamma vega theta vanna volga", "items"),
)

EARLY_EXERCISE = (
    *reads("double", "spot forward strike iv years rate", "items"),
    *reads("u8", "is_call", "items"),
    *numbers("ex_dates"),
    *reads("double", "ex_years dividends", "items ex_dates", optional=True),
    *numbers("steps"),
    *writes("double", "premium", "items"),
)

MODEL_FREE = (
    *reads("STORED", "iv", "items deltas"),
    *numbers("deltas terms weighted"),
    *reads("double", "quantile low high", "deltas"),
    *reads("double", "years", "terms"),  # of item i: years[i % terms]
    *writes("double", "vol", "items"),
)

OVERFITTING = (
    *numbers("trials blocks"),
    *reads("double", "sums squares", "blocks trials"),
    *reads("i64", "half", "items"),  # a bit for each block that is chosen on
    *reads("double", "constant", "items 2"),
    *writes("double", "rank chosen later", "items 2"),
)

KERNELS = {
    "book": Kernel(
        entries={"enter": Entry("cohorts", ENTER), "hold": Entry("cohorts", HOLD)},
        constants=(
            codes(LegStatus),
            codes(Beyond),
            codes(HedgeRule),
            positions("PARTS", MARKED_PARTS),
            positions("MAGNITUDES", (f"size_{name}" for name in MAGNITUDES)),
            {"COLUMNS": len(PARTS), "MOST_DELTAS": MOST_DELTAS, "MOST_LEGS": MOST_LEGS},
        ),
        groups={"market": MARKET},
    ),
    "moments": Kernel(
        {"implied_correlation": Entry("items", IMPLIED_CORRELATION)}, constants=(codes(CorrelationStatus),)
    ),
    "sweep": Kernel(
        {
            "hysteresis": Entry("sets", HYSTERESIS),
            "exit_days": Entry("sets", EXIT_DAYS),
            "accounts": Entry("sets", ACCOUNTS),
        },
        constants=(positions("STATISTICS", STATISTICS),),
    ),
    "implied_vol": Kernel(
        {"implied_vol": Entry("items", IMPLIED_VOL)}, constants=(codes(InversionStatus), {"PIECE": PIECE})
    ),
    "early_exercise": Kernel(
        {"early_exercise": Entry("items", EARLY_EXERCISE)}, constants=({"LANES": OPTIONS, "MOST_STEPS": MOST_STEPS},)
    ),
    "model_free": Kernel({"model_free": Entry("items", MODEL_FREE)}, constants=({"LANES": LANES},)),
    "overfitting": Kernel(
        {"overfitting": Entry("items", OVERFITTING)},
        constants=({"SPLITS": SPLITS, "THREADS": THREADS, "PIECE": PIECE},),
    ),
    "straddle": Kernel({"straddle": Entry("items", STRADDLE)}, constants=({"PIECE": PIECE},)),
}
