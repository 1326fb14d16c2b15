"""Which contracts are traded, and how they are marked: from the surface, or at quotes of their own."""

from dataclasses import dataclass, field, replace
from typing import Any

from engine.backend import namespace, running_max
from engine.backtest.contracts.instruments import Instrument
from engine.backtest.contracts.structures import (
    AMERICAN,
    EUROPEAN,
    Calendar,
    DeltaNeutralStraddle,
    SingleOption,
    Straddle,
    Strangle,
)
from engine.backtest.legs.precision import DOUBLE, SINGLE
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import Kind
from engine.kinds import check_count, check_kinds

CAPS = {"volume": "volume_share", "oi": "open_interest_share"}  # numbers of a contract, and settings of `ListedMarks`
OF_LISTED = (Straddle, DeltaNeutralStraddle, Strangle, SingleOption, Calendar)


@dataclass(frozen=True)
class Marking:
    """Which contracts are traded, and where their marks come from.

    Parameters
    ----------
    halt_sessions : int or None
        Most sessions in a row without a price of a name that its options are carried at their last volatility, as stale
        marks; on the next one they are sold at their last mark. None = carried to the expiry.
    """

    halt_sessions: int | None = field(default=None, kw_only=True)

    def __post_init__(self):
        check_kinds(self)
        if self.halt_sessions is not None:
            check_count("marks.halt_sessions", self.halt_sessions, least=0)

    @property
    def caps(self) -> dict[str, float]:
        """What caps an entry: nothing, unless contracts are listed."""
        return {}

    def ending_halts(self, panel: MarketPanel) -> MarketPanel:
        """Return the panel on which options on a name that is halted for too long end, as at unknown terms."""
        if self.halt_sessions is None:
            return panel
        xp = namespace(panel.spot)
        priced = xp.isfinite(panel.spot)
        if panel.listed is not None:
            priced = priced | xp.isfinite(panel.listed.forward).any(axis=-1)
        session = xp.arange(len(panel))
        halted = session - running_max(xp.where(priced.T, session, -1))
        ended = self.halt_sessions < halted.T
        return replace(panel, strike_factor=xp.where(ended, xp.nan, panel.strike_factor), validate=False)


@dataclass(frozen=True)
class SurfaceMarks(Marking):
    """Contracts struck exactly where the structure asks, any fraction of them, marked from the surface.

    Parameters
    ----------
    precision : {"double", "single"}
        Of marks, greeks and flows of each leg; sums over legs and days are double in both. Single is for GPUs that have
        few units for doubles, and for books that a kernel holds; `precision.error_budget` says what it costs.
    halt_sessions : int or None
        As in `Marking`.
    """

    precision: str = DOUBLE

    def __post_init__(self):
        super().__post_init__()
        if self.precision not in (DOUBLE, SINGLE):
            raise InputError(f"marks.precision={self.precision} is unknown; choose {DOUBLE} or {SINGLE}")


@dataclass(frozen=True)
class ListedMarks(Marking):
    """Whole lots of the listed contracts nearest to what the structure asks, marked at their own quotes.

    Parameters
    ----------
    fill : float
        Where trades are done, from 0, the middle of bid and ask, to 1, the far side; what is not quoted on two sides
        pays the vol points of the costs.
    multiplier : float or None
        Shares of a contract where the market does not know it; None refuses such a market.
    volume_share, open_interest_share : float or None
        Most that an entry takes of each contract's volume of that day, and of its open interest; None = whatever is
        asked for. A leg of which less can be had is entered with as many lots as there are, and what is left is not
        made up for: `result.unfilled`. Of a contract whose number is not known none can be had. A cohort of whose index
        leg not one lot can be had is skipped, and counted as that.
    halt_sessions : int or None
        As in `Marking`.
    """

    fill: float = 1.0
    multiplier: float | None = None
    volume_share: float | None = None
    open_interest_share: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if not 0.0 <= self.fill <= 1.0:
            raise InputError(f"marks.fill={self.fill} is no share of the half-spread; use 0 (mid) to 1 (far side)")
        if self.multiplier is not None and not 0.0 < self.multiplier < float("inf"):
            raise InputError(f"marks.multiplier={self.multiplier} is no number of shares; 100 is what US options have")
        for number, share in self.caps.items():
            if not 0.0 < share <= 1.0:
                raise InputError(f"marks.{CAPS[number]}={share} is no share; use one above 0, of at most 1")

    @property
    def caps(self) -> dict[str, float]:
        """Most that an entry takes, as a share, of each number of a contract that caps it, of `CAPS`."""
        asked = {number: getattr(self, setting) for number, setting in CAPS.items()}
        return {number: share for number, share in asked.items() if share is not None}


@dataclass(frozen=True)
class ByContract:
    """A structure whose instruments are contracts: a straddle is a call and a put, struck alike."""

    structure: Any

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""
        return _contracts(self.structure.index)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return _contracts(self.structure.members)

    @property
    def together(self) -> tuple[int, ...]:
        """Of each instrument which of the structure's it is: those of one are struck alike."""
        sizes = [2 if one.kind == Kind.STRADDLE else 1 for one in self.structure.index]
        return tuple(number for number, size in enumerate(sizes) for _ in range(size))

    @property
    def tenor(self) -> int:
        """Calendar days from entry to expiry."""
        return self.structure.tenor

    @property
    def min_days(self) -> int:
        """Calendar days to expiry below which a listed expiry is not entered."""
        return self.structure.min_days

    @property
    def min_coverage(self) -> float:
        """Share of the basket's weight that quoted names must hold."""
        return self.structure.min_coverage

    @property
    def opening(self) -> str | None:
        """Table of opening quotations on which those options on the index settle that settle in the morning."""
        return self.structure.opening

    @property
    def exercise(self) -> str:
        """Whether options on members are european or american."""
        return self.structure.exercise

    @property
    def dividends(self) -> str | None:
        """Table of dividends that decide on exercise."""
        return self.structure.dividends


def _contracts(instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    found = []
    for one in instruments:
        kinds = (Kind.CALL, Kind.PUT) if one.kind == Kind.STRADDLE else (one.kind,)
        found += [Instrument(kind, one.strike, one.ratio, one.cap, one.tenor) for kind in kinds]
    return tuple(found)


LISTED = "listed ones nearest to what the structure asks, whole lots, at their own quotes where these are"


def traded(marks: Marking, structure: Any, market: Any, sizing: Any) -> Any:
    """Return the structure as it is traded: contract by contract where these are listed, or may be exercised, each.

    Raises
    ------
    InputError
        When listed contracts are asked for and the market has none, or the structure or the sizing cannot be had in
        them.
    """
    if not isinstance(marks, ListedMarks):
        return ByContract(structure) if getattr(structure, "exercise", EUROPEAN) == AMERICAN else structure
    if type(structure) not in OF_LISTED:
        known = ", ".join(kind.__name__ for kind in OF_LISTED)
        raise InputError(f"marks=listed trades listed options, and {type(structure).__name__} is none; choose {known}")
    if market.contracts is None or market.listed is None:
        raise InputError(
            f"marks=listed needs quotes of contracts, and {market.info.name} has a surface only; use marks=surface"
        )
    for number in marks.caps:
        if not market.contracts.has(number):
            raise InputError(f"marks.{CAPS[number]}: no contract of {market.info.name} has its {number}; leave it out")
    if market.window_bytes is not None:
        raise InputError("marks=listed does not stream; use backend=numpy")
    if namespace(sizing.index_vega).ndim(sizing.index_vega):
        raise InputError("marks=listed trades whole lots, so each index_vega has a book of its own; give one number")
    return ByContract(structure)


def check_exposure(marks: Marking, exposure: Any, share: float) -> None:
    """Raise InputError where whole lots of an exposure, of which each cohort has a share, cannot be had."""
    if isinstance(marks, ListedMarks):
        xp = namespace(exposure)
        odd = ~xp.isin(exposure, xp.asarray([-share, 0.0, share]))
        if odd.any():
            raise InputError(
                f"marks=listed trades whole lots, so the exposure must be -1, 0 or 1 at each entry and not "
                f"{float(exposure[odd][0]) / share:g}; change sizing.index_vega, or use marks=surface"
            )
