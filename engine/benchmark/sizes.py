"""How large a benchmark is."""

from dataclasses import dataclass, fields

from engine.errors import InputError


@dataclass(frozen=True)
class Sizes:
    """Sizes of everything measured; one file of `configs/benchmark/` each.

    Parameters
    ----------
    name : str
        Of the choice; results of any but `full` carry it in their file's name.
    dates, names : int
        T and N of the market.
    tenors, deltas : tuple
        Its surface: calendar days, call deltas in percent.
    expiries : tuple
        Calendar days the cohorts of the trade books are held.
    sweep_dates : int
        Sessions the sweeps run on.
    sets : tuple
        Parameter sets of each sweep.
    options : int
        Prices inverted.
    load_dates : int
        Sessions of the panel that is loaded.
    growth : tuple
        Parts of the dates and names at which time is taken too.
    loop_dates, loop_cohorts, loop_sets, loop_options : int
        What the plain loops are given.
    limit_megabytes : int
        Array that is read to measure the memory's limit.
    repeats : int
        The best of so many runs counts.
    seconds : float
        Runs of a case end when so much time is used; two are made at least, if `repeats` is not 1.
    """

    name: str
    dates: int
    names: int
    tenors: tuple
    deltas: tuple
    expiries: tuple
    sweep_dates: int
    sets: tuple
    options: int
    load_dates: int
    growth: tuple
    loop_dates: int
    loop_cohorts: int
    loop_sets: int
    loop_options: int
    limit_megabytes: int
    repeats: int
    seconds: float

    def __post_init__(self):
        for f in fields(self):
            value = getattr(self, f.name)
            listed = value if isinstance(value, tuple) else [] if isinstance(value, str) else [value]
            if not all(isinstance(number, int | float) and number > 0 for number in listed) or value == ():
                raise InputError(f"benchmark.{f.name}={value} must be numbers above 0")

    @property
    def surface_bytes(self) -> int:
        """Bytes of the members' implied volatilities, float32."""
        return self.dates * self.names * len(self.tenors) * len(self.deltas) * 4
