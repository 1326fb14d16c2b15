"""Timing: the best of several runs, and all cases of the table one after the other."""

import itertools
import time
from dataclasses import replace

from engine.benchmark.sizes import Sizes


def best_time(work, backend: str, repeats: int, seconds: float = float("inf")) -> float:
    """Return the seconds of the fastest run of `work`, a function without arguments.

    It is run `repeats` times, or until `seconds` have passed, but at least twice unless `repeats` is 1: the first run
    may compile something, or use its memory for the first time.
    """
    best, began = float("inf"), time.perf_counter()
    for run in range(repeats):
        if run >= 2 and time.perf_counter() - began > seconds:
            break
        started = time.perf_counter()
        result = work()
        wait(backend)
        best = min(best, time.perf_counter() - started)
        del result  # not timed, and before the next run needs the memory
    return best


def wait(backend: str) -> None:
    """Wait until the device has finished what was queued on it; a CPU has nothing queued."""
    if backend == "cupy":
        import cupy

        cupy.cuda.Device().synchronize()


def device_memory(backend: str) -> int:
    """Return the largest number of bytes of device memory that were taken at once; 0 on a CPU."""
    if backend != "cupy":
        return 0
    import cupy

    return cupy.get_default_memory_pool().total_bytes()  # the pool gives back nothing by itself


def measure_cases(table, sizes: Sizes, backend: str, measure_limits, progress) -> tuple:
    """Time every case of the table, and the machine's limits before each new kind of input and at the end.

    Parameters
    ----------
    table : list of Case
        Cases in a row that have the same inputs share them; they are freed before the next ones are made.
    measure_limits : callable () -> Limits
    progress : callable
        Called with 1 after each case.

    Returns
    -------
    limits : Limits
    rows, growth : list of dict
        A record per listed case, and per point of the growth picture.
    """
    timed, limits = [], None
    for make, neighbours in itertools.groupby(table, key=lambda case: case.inputs):
        limits = measure_limits().or_better(limits)
        made = make(sizes, backend)
        for case in neighbours:
            work = case.prepare(made, sizes)
            timed.append((case, replace(work, run=None), best_time(work.run, backend, sizes.repeats, sizes.seconds)))
            del work
            progress(1)
        del made
    limits = measure_limits().or_better(limits)
    growth = [{**vars(case.growth), "seconds": best} for case, _, best in timed if case.growth]
    loops = {case.name: work.count / best for case, work, best in timed}
    return limits, [_row(case, work, best, limits, loops) for case, work, best in timed if case.listed], growth


def _row(case, work, seconds: float, limits, rates: dict) -> dict:
    memory, arithmetic = work.read / limits.bytes_per_second, work.operations / limits.multiply_adds_per_second
    plain = sum(units / rates[loop] for loop, units in work.plain.items())
    return {
        "name": case.name,
        "label": case.label,
        "size": work.size,
        "unit": case.unit,
        "count": int(work.count),
        "seconds": seconds,
        "rate": work.count / seconds,
        "bytes": int(work.read),
        "multiply_adds": int(work.operations),
        "limit": case.limit,
        "share_of_limit": (memory if case.limit == "memory" else arithmetic) / seconds,
        "times_plain_loop": plain / seconds if plain else None,
    }
