"""The structures of options: what the index leg and the members' legs are made of."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from engine.backtest.contracts.instruments import AtDelta, AtForward, Instrument, Strike
from engine.errors import InputError
from engine.kernels.codes import Kind
from engine.kinds import check_kinds

EUROPEAN, AMERICAN = "european", "american"
OPTIONS = {"call": Kind.CALL, "put": Kind.PUT}


@dataclass(frozen=True)
class SameLegs(ABC):
    """What structures share whose index leg and members' legs are made of the same, to one expiry.

    Where expiries are listed the one nearest the asked tenor is traded; on a constant-maturity grid the contract
    expires exactly `tenor` days after entry.

    Parameters
    ----------
    tenor : int
        Calendar days from entry to expiry.
    min_days : int
        Listed expiries nearer than this are not entered.
    min_coverage : float
        A cohort is entered only if names holding this share of the basket's weight are quoted.
    """

    tenor: int = 30
    min_days: int = 7
    min_coverage: float = 0.8

    def __post_init__(self):
        check_kinds(self)
        if self.tenor < 1:
            raise InputError(f"structure.tenor={self.tenor} is not a number of days; use 1 or more")
        if self.min_days < 0:
            raise InputError(f"structure.min_days={self.min_days} is below 0; use 0 or more days")
        if not 0.0 <= self.min_coverage <= 1.0:
            raise InputError(f"structure.min_coverage={self.min_coverage} is not a fraction; 0.8 asks for 80 %")

    @property
    @abstractmethod
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return self.index


@dataclass(frozen=True)
class OptionLegs(SameLegs):
    """What structures of options share.

    Parameters
    ----------
    tenor, min_days, min_coverage : as in `SameLegs`
    opening : str or None
        Table of `date` and `open` (and `ticker`): opening quotations of the index. Its options then settle on that of
        their expiry, where there is one, and the members' at the close. None = all settle at the close.
    exercise : str
        "european" or "american", of options on members: whether these are exercised, and assigned, before their expiry
        where that pays (`engine.backtest.legs.exercise`). Marks are of European options, or quotes, either way.
    dividends : str or None
        Table of `date` (ex-date), `ticker` and `amount` (and `known`), read for exercise alone; None = those that the
        market's own prices show.
    """

    opening: str | None = field(default=None, kw_only=True)
    exercise: str = field(default=EUROPEAN, kw_only=True)
    dividends: str | None = field(default=None, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        if self.exercise not in (EUROPEAN, AMERICAN):
            raise InputError(f"structure.exercise={self.exercise} is unknown; choose {EUROPEAN} or {AMERICAN}")
        if self.dividends is not None and self.exercise == EUROPEAN:
            raise InputError("structure.dividends is read for structure.exercise=american; set that, or leave it out")


@dataclass(frozen=True)
class Straddle(OptionLegs):
    """A call and a put at the money forward, on the index and on every name; fields as of `OptionLegs`."""

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a leg."""
        return (Instrument(Kind.STRADDLE),)


@dataclass(frozen=True)
class DeltaNeutralStraddle(OptionLegs):
    """A call and a put struck where together they have no delta, above the forward; fields as of `OptionLegs`."""

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a leg."""
        return (Instrument(Kind.STRADDLE, AtDelta(50.0)),)


@dataclass(frozen=True)
class Strangle(OptionLegs):
    """A put below and a call above the forward, on the index and on every name of the basket.

    Parameters
    ----------
    tenor, min_days, min_coverage, opening, exercise, dividends : as in `OptionLegs`
    delta : float
        Of both in percent, the put's without its sign; on each leg's own smile.
    width : float or None
        Distance of both strikes from the forward, as a share of it, in place of a delta: 0.05 = 95 % and 105 %.
    """

    delta: float = 25.0
    width: float | None = None

    def __post_init__(self):
        super().__post_init__()
        _refuse_delta(self.delta, 50.0)
        if self.width is not None and not 0.0 < self.width < 1.0:
            raise InputError(f"structure.width={self.width} is no share of the forward; 0.05 asks for 95 % and 105 %")

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a leg."""
        strikes: tuple[Strike, Strike] = (AtDelta(100.0 - self.delta), AtDelta(self.delta))
        if self.width is not None:
            strikes = (AtForward(1.0 - self.width), AtForward(1.0 + self.width))
        return (Instrument(Kind.PUT, strikes[0]), Instrument(Kind.CALL, strikes[1]))


@dataclass(frozen=True)
class SingleOption(OptionLegs):
    """One option, a call or a put, on the index, and one on every name of the basket.

    Parameters
    ----------
    tenor, min_days, min_coverage, opening, exercise, dividends : as in `OptionLegs`
    index_kind, member_kind : str
        "call" or "put".
    delta : float or None
        In percent, of a put without its sign, on each leg's own smile; None = struck by `moneyness`.
    moneyness : float
        Strike as a multiple of the forward, read where there is no delta.
    """

    index_kind: str = "call"
    member_kind: str = "call"
    delta: float | None = None
    moneyness: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        for name in ("index_kind", "member_kind"):
            if getattr(self, name) not in OPTIONS:
                raise InputError(f"structure.{name}={getattr(self, name)} is unknown; choose {' or '.join(OPTIONS)}")
        if self.delta is not None:
            _refuse_delta(self.delta, 100.0)
        if not 0.0 < self.moneyness < 10.0:
            raise InputError(f"structure.moneyness={self.moneyness} is no multiple of the forward; 0.95 is 5 % below")

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg."""
        return (self._option(self.index_kind),)

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        return (self._option(self.member_kind),)

    def _option(self, name: str) -> Instrument:
        kind = OPTIONS[name]
        if self.delta is None:
            return Instrument(kind, AtForward(self.moneyness))
        return Instrument(kind, AtDelta(self.delta if kind == Kind.CALL else 100.0 - self.delta))


@dataclass(frozen=True)
class Calendar(OptionLegs):
    """Straddles of a longer tenor less straddles of `tenor`, each at its own forward, on the index and on every name.

    The index leg sells the longer and buys the shorter; the members' do the opposite. When the shorter expire the
    longer are sold.

    Parameters
    ----------
    tenor, min_days, min_coverage, opening, exercise, dividends : as in `OptionLegs`
    far_tenor : int
        Calendar days from entry to the expiry of the longer.
    """

    far_tenor: int = 91

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a leg."""
        return (Instrument(Kind.STRADDLE, tenor=self.far_tenor), Instrument(Kind.STRADDLE, ratio=-1.0))


@dataclass(frozen=True)
class ForwardStart(OptionLegs):
    """Straddles to one expiry that are struck on a date before it, at the forward of that close, on index and members.

    Until then they are marked by the forward variance between both dates: `engine.backtest.legs.forward_start`.

    Parameters
    ----------
    tenor, min_days, min_coverage, opening, exercise, dividends : as in `OptionLegs`
    start : int
        Calendar days from entry to the date on which they are struck; of listed expiries the nearest.
    """

    tenor: int = 60
    start: int = 30

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.start < self.tenor:
            raise InputError(f"structure.start={self.start} must lie between 0 and structure.tenor={self.tenor} days")
        if self.exercise == AMERICAN:
            raise InputError("structure.exercise=american is not known of what is struck later; use european")

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a leg."""
        return (Instrument(Kind.STRADDLE, start=self.start),)


def _refuse_delta(delta: float, most: float) -> None:
    if not 0.0 < delta < most:
        raise InputError(f"structure.delta={delta} is no delta in percent above 0 and below {most:g}")
