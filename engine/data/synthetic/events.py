"""What happens to the names of a synthetic market, and when: planned before any return is drawn."""

from dataclasses import dataclass

import numpy as np

from engine.data.synthetic.settings import SyntheticMarket

SPLIT_FACTORS = (1 / 2, 1 / 3, 1 / 4, 1 / 10, 5.0)  # new / old price; the last is a reverse split
MERGER_JUMP = 1.25
DEMERGER_FACTOR = 0.8
SESSIONS_LISTED_BEFORE_JOINING = 60
CLEAR = 10  # sessions before and after a split or demerger in which the name neither starts nor ceases to trade


@dataclass(frozen=True)
class Event:
    """One planted event.

    Parameters
    ----------
    date : datetime64[D]; session : int
        Effective date, and its position on the date axis.
    name : str; position : int
        The name, and its position on the name axis.
    kind : str
        split, demerger, merger, delisting, left, joined, listed.
    value : float
        split: new / old price and strike. demerger: new / old price, strikes replaced on unknown terms.
        merger, delisting: cash settlement of one share. Others: NaN.
    """

    date: np.datetime64
    session: int
    name: str
    position: int
    kind: str
    value: float


@dataclass(frozen=True, eq=False)
class Plan:
    """Who is a member and who trades, and what is planted; arrays (T, N).

    Parameters
    ----------
    names : array (N,), str
    member : bool, counts in the index that session (a name that ceases to trade still does on its last day).
    trading : bool, has a close that session; the last one is the settlement price.
    strike_factor, return_factor : as in MarketPanel.
    jump : gross return forced on that session, NaN where returns are drawn.
    ceases : bool, the name's last session.
    kinds : tuple of (session, position, kind)
    """

    names: np.ndarray
    member: np.ndarray
    trading: np.ndarray
    strike_factor: np.ndarray
    return_factor: np.ndarray
    jump: np.ndarray
    ceases: np.ndarray
    kinds: tuple[tuple[int, int, str], ...]


def planted_count(settings: SyntheticMarket, rate: float) -> int:
    """Events of one kind over the whole market: at least one."""
    return max(1, round(rate * settings.years * settings.names))


def plan_events(settings: SyntheticMarket, sessions: int, rng: np.random.Generator) -> Plan:
    """Plan joiners, leavers, mergers, delistings, demergers and splits over `sessions` dates.

    A joiner comes for every leaver, so the index always has `settings.names` members; a name is still a member on the
    day on which it ceases to trade. Every second joiner is listed only shortly before it joins. Leavers are taken from
    the second half of the positions, where names are small.
    """
    exits = _exits(settings, rng) if settings.events else []
    total = settings.names + len(exits)
    shape = (sessions, total)
    plan = Plan(
        names=np.array([f"SYN{n:0{len(str(total))}d}" for n in range(1, total + 1)]),
        member=np.zeros(shape, dtype=bool),
        trading=np.ones(shape, dtype=bool),
        strike_factor=np.ones(shape),
        return_factor=np.ones(shape),
        jump=np.full(shape, np.nan),
        ceases=np.zeros(shape, dtype=bool),
        kinds=(),
    )
    plan.member[:, : settings.names] = True
    if not settings.events:
        return plan
    kinds = []
    room = np.arange(max(2, sessions // 20), sessions - max(3, sessions // 20))
    when = np.sort(rng.choice(room, size=len(exits), replace=len(exits) > len(room)))
    for order, (session, kind) in enumerate(zip(when.tolist(), exits, strict=True)):
        joiner = settings.names + order
        stays = plan.member[session] & ~plan.ceases.any(axis=0)
        leaver = int(rng.choice(np.flatnonzero(stays & (np.arange(total) >= settings.names // 2))))
        last_as_member = session if kind == "left" else session + 1
        plan.member[last_as_member:, leaver] = False
        plan.member[last_as_member:, joiner] = True
        kinds += [(session, leaver, kind), (last_as_member, joiner, "joined")]
        if kind != "left":
            plan.trading[session + 1 :, leaver] = False
            plan.ceases[session, leaver] = True
            plan.jump[session, leaver] = MERGER_JUMP if kind == "merger" else 0.0
        listed = last_as_member - SESSIONS_LISTED_BEFORE_JOINING
        if order % 2 and listed > 0:
            plan.trading[:listed, joiner] = False
            kinds.append((listed, joiner, "listed"))
    kinds += _contract_changes(settings, plan, room, rng)
    return Plan(**{**vars(plan), "kinds": tuple(sorted(kinds))})


def _exits(settings, rng):
    rates = {"left": settings.turnover_rate, "merger": settings.merger_rate, "delisting": settings.delisting_rate}
    kinds = [kind for kind, rate in rates.items() for _ in range(planted_count(settings, rate))]
    return [kinds[i] for i in rng.permutation(len(kinds))]


def _contract_changes(settings, plan, room, rng):
    """Plant splits and demergers on names that trade undisturbed around the date, in place."""
    kinds = []
    wanted = ["split"] * planted_count(settings, settings.split_rate)
    wanted += ["demerger"] * planted_count(settings, settings.demerger_rate)
    for kind in wanted:
        session = int(rng.choice(room))
        first, last = max(session - CLEAR, 0), min(session + CLEAR, len(plan.member) - 1)
        free = plan.trading[first] & plan.trading[last] & ~plan.ceases[first : last + 1].any(axis=0)
        free &= plan.return_factor[session] == 1.0
        members = np.flatnonzero(free & plan.member[session])
        position = int(rng.choice(members if len(members) else np.flatnonzero(free)))
        factor = float(rng.choice(SPLIT_FACTORS)) if kind == "split" else DEMERGER_FACTOR
        plan.return_factor[session, position] = factor
        plan.strike_factor[session, position] = factor if kind == "split" else np.nan
        kinds.append((session, position, kind))
    return kinds
