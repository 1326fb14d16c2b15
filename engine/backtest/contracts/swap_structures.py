"""The structures of swaps: of variance, volatility and correlation."""

from dataclasses import dataclass

from engine.backtest.contracts.instruments import AtExpectedVolatility, AtFairVolatility, Instrument
from engine.backtest.contracts.structures import SameLegs
from engine.errors import InputError
from engine.kernels.codes import Kind


@dataclass(frozen=True)
class VarianceSwap(SameLegs):
    """Swaps of realised against implied variance, struck at the model-free volatility of the smile; no delta hedge.

    A unit pays (V - K^2) / (2 K) at the expiry, V the squared log returns since entry over the calendar years of the
    contract, K the strike: its vega is 1 at the strike. The members' are capped, as they are traded.

    Parameters
    ----------
    tenor, min_days, min_coverage : as in `SameLegs`
    cap : float
        Multiple of the strike at which the realised volatility of a member ends; the index has none.
    """

    cap: float = 2.5

    def __post_init__(self):
        super().__post_init__()
        if not 1.0 < self.cap < float("inf"):
            raise InputError(f"structure.cap={self.cap} is no multiple of the strike above 1; 2.5 is what is traded")

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""
        return (Instrument(Kind.VARIANCE, AtFairVolatility()),)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return (Instrument(Kind.VARIANCE, AtFairVolatility(), cap=self.cap),)


@dataclass(frozen=True)
class GammaSwap(VarianceSwap):
    """Swaps of variance weighted by the forward over that at entry: less of it counts in a crash than in a rally.

    As `VarianceSwap`, but for the weight: on one that pays by the spot the difference is the carry of the days left. It
    has a delta, which is hedged as any other.
    """

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""
        return (Instrument(Kind.GAMMA, AtFairVolatility(weighted=True)),)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return (Instrument(Kind.GAMMA, AtFairVolatility(weighted=True), cap=self.cap),)


@dataclass(frozen=True)
class VolatilitySwap(VarianceSwap):
    """Swaps of realised against expected volatility, struck where each is worth nothing; no delta hedge.

    A unit pays sqrt(V) - K at the expiry, V as of `VarianceSwap`. Its mark, and so its strike, is the volatility that
    one smile says will be realised, less what few closes lose of it: `engine.backtest.contracts.swaps`.
    """

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""
        return (Instrument(Kind.VOLATILITY, AtExpectedVolatility()),)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return (Instrument(Kind.VOLATILITY, AtExpectedVolatility(), cap=self.cap),)


@dataclass(frozen=True)
class CorrelationSwap(SameLegs):
    """One contract on the realised correlation of the basket's members, struck where it is worth nothing; no hedge.

    A unit pays the mean of the realised correlations of all pairs less K at the expiry, each pair weighing w_i w_j by
    the basket's weights at entry. Its vega, and so the size and the half-spread that `costs.index` charges, are per
    correlation point (0.01). It is the index leg; members only have their weight
    (`engine.backtest.legs.correlation_swap`).
    """

    @property
    def index(self) -> tuple[Instrument, ...]:
        """The swap."""
        return (Instrument(Kind.CORRELATION),)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Nothing."""
        return (Instrument(Kind.CORRELATION, ratio=0.0),)
