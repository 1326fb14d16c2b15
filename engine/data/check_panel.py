"""Whether a panel can be what it says: axes, shapes, types, units and values, before anything is computed from it.

What cannot be is refused, with the field, the date and the name. What can be, but seldom is, is told:
`engine.data.suspicions`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.backend import blocks, each, namespace, to_host
from engine.data.records import SECTOR_AXES, SELDOM
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel

MOST_VOL = 10.0  # decimals a year: the wildest names are quoted at 5
MEDIAN_VOL = (0.01, 3.0)  # a whole market outside it is in another unit
RATES = (-0.2, 1.0)
ROUNDING = 1e-6  # by which rows of weights may exceed 1
_SAMPLED = 20_000  # cells that a median is taken over

# Array -> its axes and what it holds. H are the sessions of the history.
ARRAYS = {
    "dates": ("T", "dates"),
    "index_iv": ("TKD", "vols"),
    "component_iv": ("TNKD", "vols"),
    "index_status": ("TKD", "codes"),
    "component_status": ("TNKD", "codes"),
    "weights": ("TN", "weights"),
    "index_spot": ("T", "prices"),
    "spot": ("TN", "prices"),
    "rate": ("T", "rates"),
    "index_carry": ("T", "numbers"),
    "carry": ("TN", "numbers"),
    "strike_factor": ("TN", "prices"),
    "return_factor": ("TN", "prices"),
    "settlement": ("TN", "payments"),
    "strike_reduction": ("TN", "reductions"),
    "listed.expiry": ("TE", "expiries"),
    "listed.index_iv": ("TED", "vols"),
    "listed.iv": ("TNED", "vols"),
    "listed.index_forward": ("TE", "prices"),
    "listed.forward": ("TNE", "prices"),
    **{f"band.index_{side}": ("TKD", "vols") for side in ("bid", "ask")},
    **{f"band.{side}": ("TNKD", "vols") for side in ("bid", "ask")},
    "sectors.weights": ("TN", "weights"),
    "sectors.leg_spot": ("TS", "prices"),
    "sectors.leg_iv": ("TSKD", "vols"),
    "sectors.leg_status": ("TSKD", "codes"),
    "history.dates": ("H", "dates"),
    "history.index_close": ("H", "prices"),
    "history.close": ("HN", "prices"),
    "history.return_factor": ("HN", "prices"),
    "history.leg_close": ("HS", "prices"),
}
STATUS = {"index_iv": "index_status", "component_iv": "component_status", "sectors.leg_iv": "sectors.leg_status"}
TYPES = {"dates": "M", "expiries": "M", "codes": "u", "vols": "f"}  # kinds of numpy; float64 where none is given

# What an array holds -> which of its values can be, and in words.
POSSIBLE = {
    "weights": (lambda a: (a >= 0.0) & (a <= 1.0 + ROUNDING), "a weight lies from 0 (not a member) to 1"),
    "prices": (lambda a: ((a > 0.0) & (a < float("inf"))) | (a != a), "it is positive, or NaN where it is not known"),
    "payments": (lambda a: ((a >= 0.0) & (a < float("inf"))) | (a != a), "it is 0 or more, NaN where there is none"),
    "reductions": (lambda a: (a >= 0.0) & (a < float("inf")), "it is 0 or more, and 0 where there is none"),
    "rates": (lambda a: (a >= RATES[0]) & (a <= RATES[1]), "rates are decimals a year, 0.04 for 4 %"),
    "numbers": (lambda a: abs(a) < float("inf"), "it is a finite number"),
}


def check_panel(panel: "MarketPanel") -> None:
    """Raise InputError unless everything in a panel can be: what `MarketPanel` runs when it is made.

    Every value is read once, on the machine it is on.

    Raises
    ------
    InputError
        Names the field, and where it is one value the date, the name, the tenor and the delta.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from engine.testing import small_market
    >>> market = small_market()
    >>> replace(market, rate=100.0 * market.rate)
    Traceback (most recent call last):
        ...
    engine.errors.InputError: market small: rate on 2024-01-01 is 4.0; rates are decimals a year, 0.04 for 4 %
    """
    check_form(panel)
    arrays = arrays_of(panel)
    for field, array in arrays.items():
        axes, kind = ARRAYS[field]
        if kind == "vols":
            _check_vols(panel, field, array, arrays.get(STATUS.get(field, "")))
        elif kind in POSSIBLE and len(axes) > 1:
            check_values(panel, field, array)
    _check_sums(panel, "weights", panel.weights)
    if panel.sectors is not None:
        for sector in sorted({*panel.sectors.of_name.tolist()} - {""}):
            _check_sums(panel, "sectors.weights", panel.sectors.weights[:, panel.sectors.of_name == sector])


def check_form(panel: "MarketPanel") -> None:
    """Raise InputError unless axes ascend, arrays have the types and shapes that these give them, and rates can be.

    It reads nothing but axes, expiries and the series of the dates, so that opening a panel of any size stays quick.
    """
    arrays = arrays_of(panel)
    axes = {"names": panel.names, "tenors": panel.tenors, "deltas": panel.deltas}
    if panel.sectors is not None:
        axes |= {f"sectors.{axis}": getattr(panel.sectors, axis) for axis in SECTOR_AXES}
    for field, array in (axes | arrays).items():
        if isinstance(array, np.ma.MaskedArray):
            raise _error(panel, f"{field} is a masked array; fill it, with NaN where a number is masked")
        if not hasattr(array, "dtype") or not hasattr(array, "shape"):
            raise _error(panel, f"{field} is of type {type(array).__name__}; give an array")
    _check_axes(panel, axes)
    sizes = {"T": len(panel.dates), "N": len(panel.names), "K": len(panel.tenors), "D": len(panel.deltas)}
    sizes["E"] = arrays["listed.expiry"].shape[-1] if panel.listed is not None else 0
    sizes["S"] = 0 if panel.sectors is None else len(panel.sectors.legs)
    sizes["H"] = 0 if panel.history is None else len(panel.history.dates)
    for field, array in arrays.items():
        letters, kind = ARRAYS[field]
        if array.shape != (expected := tuple(sizes[letter] for letter in letters)):
            raise _error(panel, f"{field} has shape {array.shape}; ({', '.join(letters)}) is {expected} here")
        _check_type(panel, field, array, kind)
        if field == "rate":
            check_rates(panel)
        if letters in ("T", "H") and kind in POSSIBLE:
            check_values(panel, field, array)
    _check_dates(panel, "dates", panel.dates)
    if panel.history is not None:
        _check_dates(panel, "history.dates", panel.history.dates)
        if (absent := ~np.isin(panel.dates, panel.history.dates)).any():
            raise _error(panel, f"history has no row on {panel.dates[absent][0]}, a session of the panel; add it")
    if panel.listed is not None:
        _check_expiries(panel, panel.listed.expiry)


def check_values(panel: "MarketPanel", field: str, array: Any) -> None:
    """Raise InputError where a value of an array cannot be, by `POSSIBLE`."""
    possible, words = POSSIBLE[ARRAYS[field][1]]
    xp = namespace(array)
    fine = possible(xp.asarray(array))
    if bool(fine.all()):
        return
    if field in ("spot", "history.close"):  # of a company that went bankrupt: the last one
        fine |= (array == 0.0) & ~(xp.cumsum((array > 0.0)[::-1], axis=0)[::-1] > 0)
    if not bool(fine.all()):
        at = _place(int((~fine).argmax()), array.shape)
        raise _error(panel, f"{field} {_where(panel, field, at)} is {float(array[at])}; {words}")


def check_rates(panel: "MarketPanel") -> None:
    """Raise InputError where a session has no interest rate, with its date: it must never be taken for a rate of 0."""
    missing = panel.dates[~np.isfinite(to_host(panel.rate))]
    if len(missing):
        raise InputError(
            f"market {panel.info.name} has no interest rate on {missing[0]} ({len(missing):,} sessions in all); "
            f"complete the rates of its source, or start after them"
        )


def arrays_of(panel: "MarketPanel") -> dict[str, Any]:
    """Return every array of a panel by the name it has in `ARRAYS`, those of parts that it does not have left out."""
    found = {}
    for field in ARRAYS:
        part, _, name = field.rpartition(".")
        held = getattr(panel, part) if part else panel
        if held is not None and (field not in SELDOM or getattr(held, name) is not None):
            found[field] = getattr(held, name)
    return found


def _error(panel, words: str) -> InputError:
    return InputError(f"market {panel.info.name}: {words}")


def _check_axes(panel, axes: dict) -> None:
    """Names are texts, each once; tenors and deltas whole numbers that ascend."""
    for field, axis in axes.items():
        if axis.ndim != 1:
            raise _error(panel, f"{field} has shape {axis.shape}; give one row")
        if field in ("tenors", "deltas"):
            if axis.dtype.kind != "i" or (np.diff(axis) <= 0).any():
                raise _error(panel, f"{field} are {axis.tolist()} ({axis.dtype}); give whole numbers that ascend")
        elif axis.dtype.kind not in "UT":
            raise _error(panel, f"{field} are of type {axis.dtype}; give text")
        elif field in ("names", "sectors.legs") and len(values := axis.tolist()) != len(set(values)):
            raise _error(panel, f"{field} has {next(v for v in values if values.count(v) > 1)!r} more than once")
    if len(panel.tenors) and panel.tenors[0] <= 0:
        raise _error(panel, f"tenors has {panel.tenors[0]}; tenors are calendar days, 1 or more")
    if len(panel.deltas) and not (panel.deltas[0] >= 1 and panel.deltas[-1] <= 99):
        raise _error(panel, f"deltas are {panel.deltas.tolist()}; call deltas lie from 1 to 99 percent")


def _check_type(panel, field: str, array, kind: str) -> None:
    wanted = TYPES.get(kind, "f8")
    types = {"f": ("float32", "float64"), "f8": ("float64",), "u": ("uint8",)}
    if not (array.dtype.kind == "M" if wanted == "M" else array.dtype in types[wanted]):
        words = "datetime64[D]" if wanted == "M" else " or ".join(types[wanted])
        raise _error(panel, f"{field} is of type {array.dtype}; give {words}")


def _check_dates(panel, field: str, dates: np.ndarray) -> None:
    if np.datetime_data(dates.dtype)[0] in ("Y", "M", "W", "generic"):
        raise _error(panel, f"{field} is of type {dates.dtype}; give whole dates, datetime64[D]")
    if np.isnat(dates).any():
        raise _error(panel, f"{field} has no date in row {int(np.isnat(dates).argmax())}")
    if len(back := np.flatnonzero(dates[1:] <= dates[:-1])):
        raise _error(panel, f"{field} has {dates[back[0] + 1]} after {dates[back[0]]}; give each date once, ascending")


def _check_expiries(panel, expiry: np.ndarray) -> None:
    """The expiries of a date ascend, none lies before it, and slots without one come last."""
    days = expiry.astype("datetime64[D]").astype(np.int64)
    days[np.isnat(expiry)] = np.iinfo(np.int64).max
    known = ~np.isnat(expiry)
    ascend = ((days[:, 1:] > days[:, :-1]) | ~known[:, 1:]).all(axis=1)
    ahead = ~known.any(axis=1) | (
        days.min(axis=1, initial=np.iinfo(np.int64).max) >= panel.dates.astype("datetime64[D]").astype(np.int64)
    )
    if not (ascend & ahead).all():
        t = int((~(ascend & ahead)).argmax())
        said = expiry[t].astype(str).tolist()
        raise _error(panel, f"listed.expiry on {panel.dates[t]} is {said}; expiries ascend from the date on")


def _check_vols(panel, field: str, iv, status) -> None:
    """Every volatility is positive and no percentage, or NaN; where there is a status it says which of the two."""
    if not len(iv) or not iv[0].size:
        return

    def wrong(part: slice) -> int | None:
        values = iv[part]
        xp = namespace(values)
        number = (values > 0.0) & (values <= MOST_VOL)
        missing = xp.isnan(values)
        if status is not None:
            quoted = xp.asarray(status[part]) == 0
            number &= quoted
            missing &= ~quoted
        bad = ~(number | missing)
        return int(bad.argmax()) + part.start * iv[0].size if bool(bad.any()) else None

    _check_unit(panel, field, iv)
    for flat in each(namespace(iv), wrong, blocks(len(iv), iv[0].nbytes)):
        if flat is not None:
            at = _place(flat, iv.shape)
            raise _error(panel, f"{field} {_where(panel, field, at)} {_why(float(iv[at]), status, at)}")


def _why(value: float, status, at) -> str:
    known = value == value
    if known and not 0.0 < value <= MOST_VOL:
        return f"is {value:g}; a volatility is a positive decimal, 0.2 for 20 %, and NaN where there is no quote"
    if known:
        return f"is {value:g} and its status is {int(status[at])}, no quote; a number has the status 0"
    return "is NaN and its status is 0, a quote; say why there is none (QuoteStatus)"


def _check_unit(panel, field: str, iv) -> None:
    """Refuse a surface whose middle volatility no market has: it is in percent, or was divided by 100 twice."""
    xp = namespace(iv)
    middle = iv[..., iv.shape[-2] // 2, iv.shape[-1] // 2]
    middle = middle[:: max(1, middle.size // _SAMPLED)]
    known = middle[xp.isfinite(middle)]
    if known.size and not MEDIAN_VOL[0] <= (median := abs(float(xp.median(known)))) <= MEDIAN_VOL[1]:
        raise _error(panel, f"{field} has a median of {median:.3g}; volatilities are decimals, 0.2 for 20 %")


def _check_sums(panel, field: str, weights) -> None:
    total = to_host(weights.sum(axis=1))
    if (above := total > 1.0 + ROUNDING).any():
        t = int(above.argmax())
        raise _error(
            panel, f"{field} of {panel.dates[t]} sum to {total[t]:.6g}; weights are fractions, at most 1 together"
        )


def _place(flat: int, shape) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def _where(panel, field: str, at: tuple[int, ...]) -> str:
    """Say in words where a value of an array stands: on which date, of which name, at which tenor and delta."""
    axes = dict(zip(ARRAYS[field][0], at, strict=True))
    said = {
        "N": lambda i: f"of {panel.names[i]}",
        "S": lambda i: f"of {panel.sectors.symbols[i]}",
        "T": lambda i: f"on {panel.dates[i]}",
        "H": lambda i: f"on {panel.history.dates[i]}",
        "E": lambda i: f"for the expiry {panel.listed.expiry[axes['T'], i]}",
        "K": lambda i: f"at {panel.tenors[i]} days",
        "D": lambda i: f"at delta {panel.deltas[i]}",
    }
    return " ".join(said[axis](axes[axis]) for axis in said if axis in axes)
