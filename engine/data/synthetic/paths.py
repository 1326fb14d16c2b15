"""The hidden state of a synthetic market and the prices it leads to: drawn once, small, the same for any block size.

Session t + 1 is drawn with the state known at the close of t:

    r_i = sqrt(v_i) (sqrt(rho_t) m + sqrt(1 - rho_t) e_i) + earnings move      v_i = y_{t+1} b_i^2 L_t j_{t,i}^2

with y the session's length in years, b_i the base volatility, L the market-wide variance level and j_i the name's own
volatility level. Prices grow by exp(r - var(r) / 2 + carry): the expected growth is that of the carry alone.
"""

from dataclasses import dataclass

import numpy as np

from engine.calendar import DAY, sessions, year_fraction
from engine.data.synthetic.events import Event, Plan, plan_events
from engine.data.synthetic.settings import SESSIONS_PER_YEAR, SyntheticMarket, keep

BURN_IN = 252  # sessions drawn before the first date, so that the state does not start at its mean

# Each purpose has a stream of random numbers of its own: a new purpose leaves the numbers of the others as they are.
EVENTS, NAMES, STATE, FACTOR, OWN, NAME_LEVEL, MISSING, QUOTES = range(8)  # new ones at the end


def stream(settings: SyntheticMarket, purpose: int) -> np.random.Generator:
    """Random numbers of one purpose."""
    return np.random.default_rng(np.random.SeedSequence([settings.seed, purpose]))


def date_stream(settings: SyntheticMarket, purpose: int, session: int) -> np.random.Generator:
    """Random numbers of one purpose and date; they do not depend on which other dates are drawn."""
    key = np.random.SeedSequence([settings.seed, purpose]).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, session]))


@dataclass(frozen=True, eq=False)
class Paths:
    """Everything drawn; T dates, N names, T' dates, which go on beyond the last date by the longest tenor.

    Parameters
    ----------
    settings : SyntheticMarket; plan : Plan
    dates : array (T,), datetime64[D]
    schedule : array (T',), datetime64[D]
        Sessions that options quoted on the dates live through.
    session_years : array (T',)
        Length of each session in years: the share of a year's variance it carries.
    level, correlation, premium : array (T,)
        State at the close: variance level and correlation of the next session, and the correlation premium.
    base_vol, smile_strength : array (N,)
    name_level : array (T, N)
    reports : array (T', N), bool
        Sessions moved by earnings.
    returns : array (T, N)
        Simple returns, corporate actions undone; NaN on the first date of a name and where it does not trade.
    spot : array (T, N); index_spot : array (T,)
        Raw closes.
    weights : array (T, N)
        From the previous session's closes.
    events : tuple of Event
    """

    settings: SyntheticMarket
    plan: Plan
    dates: np.ndarray
    schedule: np.ndarray
    session_years: np.ndarray
    level: np.ndarray
    correlation: np.ndarray
    premium: np.ndarray
    base_vol: np.ndarray
    smile_strength: np.ndarray
    name_level: np.ndarray
    reports: np.ndarray
    returns: np.ndarray
    spot: np.ndarray
    index_spot: np.ndarray
    weights: np.ndarray
    events: tuple[Event, ...]

    @property
    def report_variance(self) -> np.ndarray:
        """Variance of an earnings day beyond the usual, (N,)."""
        return report_variance(self.settings, self.base_vol)


def report_variance(settings: SyntheticMarket, base_vol: np.ndarray) -> np.ndarray:
    """Variance of an earnings day beyond the usual, (N,): the move is larger for the more volatile names."""
    if not settings.earnings:
        return np.zeros(len(base_vol))
    return (settings.earnings_move * base_vol / settings.component_vol) ** 2


def draw_paths(settings: SyntheticMarket) -> Paths:
    """Draw the state and the prices of a synthetic market; the same settings draw the same bits."""
    schedule = sessions(settings.calendar, settings.start, settings.end + settings.tenors[-1] * DAY)
    count = int(np.searchsorted(schedule, settings.end, side="right"))
    dates = schedule[:count]
    gap = np.diff(schedule, prepend=schedule[:1] - DAY).astype(float)
    share = settings.weekend_variance
    session_years = (1.0 + share * (gap - 1.0)) / (SESSIONS_PER_YEAR + share * (365.0 - SESSIONS_PER_YEAR))

    plan = plan_events(settings, count, stream(settings, EVENTS))
    total = len(plan.names)
    rng = stream(settings, NAMES)
    base_vol = settings.component_vol * np.exp(settings.vol_dispersion * rng.standard_normal(total))
    smile_strength = np.maximum(1.0 + settings.smile_dispersion * rng.standard_normal(total), 0.2)
    size = settings.concentration * np.sort(rng.standard_normal(total))[::-1]
    first_price = np.exp(rng.uniform(np.log(30.0), np.log(300.0), total))
    phase = rng.integers(8, 45, total)

    level, correlation, premium, factor = _market_state(settings, count)
    name_level = _name_levels(settings, count, total)
    reports = _reports(schedule, phase) if settings.earnings else np.zeros((len(schedule), total), dtype=bool)

    moves = np.empty((count, total))
    own = stream(settings, OWN).standard_normal((count, total))
    usual = session_years[1:count, None] * base_vol**2 * level[:-1, None] * name_level[:-1] ** 2
    extra = np.where(reports[1:count], report_variance(settings, base_vol), 0.0)
    common = correlation[:-1, None] * usual
    moves[1:] = np.sqrt(common) * factor[1:, None] + np.sqrt(usual - common + extra) * own[1:]
    moves[1:] += settings.rate * year_fraction(gap[1:count, None]) - 0.5 * (usual + extra)
    moves[0] = 0.0

    gross = np.where(np.isfinite(plan.jump), plan.jump, np.exp(moves))
    first = plan.trading & ~np.concatenate([np.zeros((1, total), dtype=bool), plan.trading[:-1]])
    returns = np.where(plan.trading & ~first, gross - 1.0, np.nan)
    growth = np.where(first | ~plan.trading, 1.0, gross * plan.return_factor)
    spot = np.where(plan.trading, first_price * np.cumprod(growth, axis=0), np.nan)

    weights = _weights(settings, plan, moves, size)
    index_return = np.where(weights > 0.0, weights * np.where(np.isnan(returns), 0.0, returns), 0.0).sum(axis=1)
    index_spot = 1000.0 * np.cumprod(1.0 + index_return)

    def value(session, position, kind):
        if kind in ("split", "demerger"):
            return float(plan.return_factor[session, position])
        return float(spot[session, position]) if kind in ("merger", "delisting") else float("nan")

    events = tuple(
        Event(dates[session], session, str(plan.names[position]), position, kind, value(session, position, kind))
        for session, position, kind in plan.kinds
    )
    return Paths(
        settings=settings,
        plan=plan,
        dates=dates,
        schedule=schedule,
        session_years=session_years,
        level=level,
        correlation=correlation,
        premium=premium,
        base_vol=base_vol,
        smile_strength=smile_strength,
        name_level=name_level,
        reports=reports,
        returns=returns,
        spot=spot,
        index_spot=index_spot,
        weights=weights,
        events=events,
    )


def _market_state(settings, count):
    """Variance level, correlation, correlation premium (T,) at the close, and the factor m of each session."""
    factor = stream(settings, FACTOR).standard_normal(BURN_IN + count)
    rng = stream(settings, STATE)
    link = settings.leverage
    shock = link * factor + np.sqrt(1.0 - link**2) * rng.standard_normal(BURN_IN + count)
    growth = np.exp(settings.level_noise * shock - 0.5 * settings.level_noise**2)
    kept = keep(settings.level_half_life)
    level = np.empty(BURN_IN + count)
    now = 1.0
    for t in range(BURN_IN + count):
        now = (1.0 + kept * (now - 1.0)) * growth[t]
        level[t] = now

    mean, noise = settings.correlation, settings.correlation_noise
    kept = keep(settings.correlation_half_life)
    correlation = np.empty(BURN_IN + count)
    now = mean
    # Beta draws stay in 0..1 with exactly the expectation asked for; their concentration gives `noise` at the mean.
    concentration = mean * (1.0 - mean) / noise**2 - 1.0 if noise > 0.0 else None
    for t in range(BURN_IN + count):
        now = mean + kept * (now - mean)
        if concentration is not None:
            now = rng.beta(now * concentration, (1.0 - now) * concentration)
        correlation[t] = now

    kept = keep(settings.premium_half_life)
    steps = settings.premium_noise * np.sqrt(1.0 - kept**2) * rng.standard_normal(BURN_IN + count)
    premium = np.empty(BURN_IN + count)
    now = 0.0
    for t in range(BURN_IN + count):
        now = kept * now + steps[t]
        premium[t] = settings.correlation_premium + now
    return level[BURN_IN:], correlation[BURN_IN:], premium[BURN_IN:], factor[BURN_IN:]


def _name_levels(settings, count, total):
    """Volatility level of each name's own, (T, N), mean 1."""
    rng = stream(settings, NAME_LEVEL)
    noise, kept = settings.name_level_noise, keep(settings.name_level_half_life)
    levels = np.ones((count, total))
    if noise == 0.0:
        return levels
    now = np.ones(total)
    for t in range(-BURN_IN, count):
        now = (1.0 + kept * (now - 1.0)) * np.exp(noise * rng.standard_normal(total) - 0.5 * noise**2)
        if t >= 0:
            levels[t] = now
    return levels


def _reports(schedule, phase):
    """Earnings days (T', N): the same number of sessions into every quarter, each name at its own phase."""
    quarter = schedule.astype("datetime64[M]").astype(int) // 3
    _, start = np.unique(quarter, return_index=True)
    into = np.arange(len(schedule)) - start[quarter - quarter[0]]
    # The first quarter seldom starts with the market: there the sessions are counted back from its end.
    into[quarter == quarter[0]] += max(0, 62 - int((quarter == quarter[0]).sum()))
    return into[:, None] == phase


def _weights(settings, plan, moves, size):
    """Index weights from the previous session's capitalisations, (T, N)."""
    deviation = np.zeros(plan.member.shape)
    if settings.drifting_weights:
        left = 1.0 - settings.cap_reversion / SESSIONS_PER_YEAR
        now = np.zeros(plan.member.shape[1])
        for t in range(1, len(deviation)):  # row t holds what is known at the close of t - 1
            deviation[t] = now
            now = left * now + moves[t]
    cap = np.where(plan.member, np.exp(size + deviation), 0.0)
    return cap / cap.sum(axis=1, keepdims=True)
