"""The settings of a synthetic market, all with defaults of a usual equity market."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from engine.calendar import DAY, read_date
from engine.data.records import DELTAS, TENORS
from engine.errors import InputError
from engine.kinds import check_kinds, is_kind

SESSIONS_PER_YEAR = 252.0

MOST_YEARS, MOST_NAMES = 200, 10_000  # more would fill a disk before anybody could read it

NO_PREMIUM = {
    "level_noise": 0.0,
    "name_level_noise": 0.0,
    "correlation_noise": 0.0,
    "vol_premium": 0.0,
    "correlation_premium": 0.0,
    "premium_noise": 0.0,
    "correlation_skew": 0.0,
    "sector_premium": 0.0,
    "skew": 0.0,
    "curvature": 0.0,
    "rate": 0.0,
    "drifting_weights": False,
    "events": False,
    "earnings": False,
    "missing_rate": 0.0,
    "crossed_rate": 0.0,
}

SIGNED = {
    "leverage",
    "vol_premium",
    "correlation_premium",
    "correlation_skew",
    "sector_premium",
    "skew",
    "curvature",
    "rate",
}


@dataclass(frozen=True)
class SyntheticMarket:
    """The settings of a seeded synthetic market; two equal ones give the same panel, bit for bit.

    Parameters
    ----------
    start : str; years : float
        First date and length. Sessions are those of `calendar` (exchange_calendars code).
    names : int
        Members of the index at any time. With `events` the name axis also holds those who join later.
    seed : int
    tenors, deltas : tuple of int
        Calendar days and call deltas in percent of the surface.
    dtype : str
        "float32" as all panels, or "float64" to check formulas beyond the rounding of stored volatilities.
    component_vol, vol_dispersion : float
        Median annualised volatility of a name, and the log standard deviation over names.
    level_noise, level_half_life : float
        Daily noise and half-life, in sessions, of the market-wide variance level.
    name_level_noise, name_level_half_life : float
        The same for the volatility level each name has of its own.
    leverage : float
        Correlation of the market factor with shocks to the variance level.
    correlation, correlation_noise, correlation_half_life : float
        Mean of the correlation of returns, its daily noise (standard deviation at the mean), half-life in sessions.
    weekend_variance : float
        Variance of a day without session as a share of a session's: 0 = session clock, 1 = calendar clock.
    vol_premium : float
        Implied divided by fair volatility of every name, minus 1.
    correlation_premium, premium_noise, premium_half_life : float
        Implied minus fair correlation: mean, standard deviation over time, half-life in sessions.
    correlation_skew : float
        What implied correlation gains from 50 to 90 call delta, and loses from 50 to 10.
    sectors : int; sector_premium : float
        Number of sectors, dealt to the names in turn. Options are quoted on the first sector only, and the implied
        correlation inside it is above the index's by `sector_premium`. Returns have no sector factor.
    skew, curvature : float
        Smile of a typical name at 30 days: iv(delta) = iv(50) (1 + skew x + curvature x^2), x = (delta - 50) / 40.
    skew_decay, smile_dispersion : float
        The smile flattens with tenor like (30 / tenor)^skew_decay, and differs between names by this share.
    rate : float
        Continuous risk-free rate, also the carry of every asset.
    drifting_weights : bool; concentration, cap_reversion : float
        False = constant weights. Initial log standard deviation of capitalisations, and the rate per year at which
        issues and buybacks pull them back, so that no name ever becomes the whole index.
    events : bool; turnover_rate, split_rate, merger_rate, delisting_rate, demerger_rate : float
        Events per name and year; at least one of each is planted.
    earnings : bool; earnings_move : float
        Quarterly reports on known dates, and the standard deviation of the typical name's move on that day.
    missing_rate, crossed_rate : float
        Share of smiles with missing quotes (half of them whole, half their wings), and of listed quotes that are
        crossed.
    """

    start: str = "2014-01-01"
    years: float = 10.0
    names: int = 50
    seed: int = 0
    tenors: tuple[int, ...] = (5, 7, 10, *TENORS)
    deltas: tuple[int, ...] = DELTAS
    dtype: str = "float32"
    calendar: str = "XNYS"
    component_vol: float = 0.28
    vol_dispersion: float = 0.25
    level_noise: float = 0.08
    level_half_life: float = 40.0
    name_level_noise: float = 0.02
    name_level_half_life: float = 60.0
    leverage: float = -0.6
    correlation: float = 0.35
    correlation_noise: float = 0.018
    correlation_half_life: float = 40.0
    weekend_variance: float = 0.0
    vol_premium: float = 0.02
    correlation_premium: float = 0.07
    premium_noise: float = 0.02
    premium_half_life: float = 20.0
    correlation_skew: float = 0.1
    sectors: int = 4
    sector_premium: float = 0.05
    skew: float = 0.12
    curvature: float = 0.06
    skew_decay: float = 0.25
    smile_dispersion: float = 0.2
    rate: float = 0.02
    drifting_weights: bool = True
    concentration: float = 0.9
    cap_reversion: float = 0.2
    events: bool = True
    turnover_rate: float = 0.02
    split_rate: float = 0.02
    merger_rate: float = 0.004
    delisting_rate: float = 0.001
    demerger_rate: float = 0.001
    earnings: bool = True
    earnings_move: float = 0.04
    missing_rate: float = 0.01
    crossed_rate: float = 0.005

    def __post_init__(self):
        object.__setattr__(self, "start", str(read_date(self.start, "start")))
        check_kinds(self)
        for name in ("tenors", "deltas"):
            if not isinstance(getattr(self, name), list | tuple):
                raise InputError(f"synthetic {name}={getattr(self, name)} is not a list; write [{getattr(self, name)}]")
            for value in getattr(self, name):
                if not is_kind(value, int):
                    raise InputError(f"synthetic {name}: {value} is not a whole number")
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        for field in fields(self):
            if field.type is float:  # 0 and 0.0 are the same market
                object.__setattr__(self, field.name, float(getattr(self, field.name)))
        self._check_axes()
        self._check_numbers()

    @property
    def end(self) -> np.datetime64:
        """Last calendar date."""
        return np.datetime64(self.start, "D") + max(round(self.years * 365.25) - 1, 0) * DAY

    @classmethod
    def no_premium(cls, **settings: Any) -> "SyntheticMarket":
        """Settings under which no option trade earns anything on average, and fair values are known exactly.

        Constant volatilities and correlation, Gaussian log-returns without drift or carry, flat smiles, no events, no
        missing quotes, constant weights; implied variances equal the variances of the returns that follow. One error
        is left: a sum of lognormal prices is not lognormal, below .01 vol point on the index at 30 days.
        """
        return cls(**{**NO_PREMIUM, **settings})

    def _check_axes(self):
        for name in ("tenors", "deltas"):
            values = getattr(self, name)
            if not values or list(values) != sorted(set(values)) or values[0] <= 0:
                raise InputError(f"synthetic {name}={list(values)}: give positive values in ascending order")
        if self.deltas[-1] >= 100:
            raise InputError(f"synthetic deltas={list(self.deltas)}: call deltas are percent between 0 and 100")
        if self.dtype not in ("float32", "float64"):
            raise InputError(f"synthetic dtype={self.dtype} is unknown; choose float32 or float64")
        if self.sectors < 1:
            raise InputError(f"synthetic sectors={self.sectors}: every name is in one, so give 1 or more")
        if self.names < (5 if self.events else 1):
            raise InputError(f"synthetic names={self.names}: with events at least 5 are needed (or set events=false)")
        if not self.years > (0.25 if self.events else 0.0):
            raise InputError(
                f"synthetic years={self.years}: with events a quarter year is needed (or set events=false)"
            )
        if self.years > MOST_YEARS or self.names > MOST_NAMES:
            raise InputError(
                f"synthetic years={self.years:g}, names={self.names}: a market of at most {MOST_YEARS} years and "
                f"{MOST_NAMES:,} names can be made"
            )
        if self.seed < 0:
            raise InputError(f"synthetic seed={self.seed} is below 0; use 0 or more")

    def _check_numbers(self):
        for name in ("missing_rate", "crossed_rate", "correlation", "weekend_variance"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"synthetic {name}={getattr(self, name)} is not a fraction between 0 and 1")
        if not -1.0 <= self.leverage <= 1.0:
            raise InputError(f"synthetic leverage={self.leverage} is not a correlation")
        for field in fields(self):
            value = getattr(self, field.name)
            positive = field.name.endswith("half_life") or field.name == "component_vol"
            if field.type is float and field.name not in SIGNED and (value < 0.0 or (positive and value == 0.0)):
                raise InputError(f"synthetic {field.name}={value} must be positive")
        for name in ("level", "name_level"):
            noise, half_life = getattr(self, f"{name}_noise"), getattr(self, f"{name}_half_life")
            if not (1.0 + noise * noise) * keep(half_life) ** 2 < 1.0:  # noise**2 raises where it has no number
                raise InputError(
                    f"synthetic {name}_noise={noise} has no finite variance at a half-life of {half_life} sessions; "
                    "lower one of them"
                )
        spread = self.correlation * (1.0 - self.correlation)
        if self.correlation_noise > 0.0 and not self.correlation_noise * self.correlation_noise < spread:
            raise InputError(
                f"synthetic correlation_noise={self.correlation_noise} would leave 0..1 around a correlation of "
                f"{self.correlation}; lower it"
            )


def keep(half_life: float) -> float:
    """Share of a deviation from the mean that is left after one session."""
    return 0.5 ** (1.0 / half_life)
