"""How large a benchmark is."""

from dataclasses import dataclass, fields

from engine.errors import InputError


@dataclass(frozen=True)
class Sizes:
    """Sizes of everything measured; one file of `configs/benchmark/` each.

    Parameters
    ----------
    name : str
        Name of the configuration file; part of the names of result files, unless it is `full`.
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
    sweep_folders, sweep_rows : int
        Runs of the sweeps that are timed as commands, kept as folders and as a table.
    options : int
        Prices whose implied volatility is computed.
    chain_names : int
        Names whose option chains, of one date, become surfaces: some 870 quotes each.
    load_dates : int
        Sessions of the panel that is loaded.
    growth : tuple
        Fractions of the dates and names at which the time is taken as well, for the growth picture.
    loop_dates, loop_cohorts, loop_sets, loop_options : int
        Sizes of what the plain loops are given.
    limit_megabytes : int
        Size of the array that is read to measure the bandwidth of the memory.
    repeats : int
        Runs of each case; the fastest counts.
    seconds : float
        No further run of a case starts after this time, but at least two are made unless `repeats` is 1.
    """

    name: str
    dates: int
    names: int
    tenors: tuple
    deltas: tuple
    expiries: tuple
    sweep_dates: int
    sets: tuple
    sweep_folders: int
    sweep_rows: int
    options: int
    chain_names: int
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
