"""python -m engine.benchmark: time every part of the engine, print the table and keep the numbers."""

import functools
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from engine.command.hydra import asked_files, start
from engine.command.objects import build
from engine.errors import InputError
from engine.places import checkout

if TYPE_CHECKING:  # importing these for real is left to the commands, which start faster for it
    from engine.benchmark.sizes import Sizes
    from engine.runs.claim import Claim

PUBLISHED = Path("results") / "benchmarks"


def benchmark(config: dict, folder: Path) -> None:
    """Run the command: measure and keep the numbers, or with `history=true` draw what was kept of earlier runs."""
    from engine.backend import resolve
    from engine.runs.claim import run_folder

    if config["readme"] and checkout() is None:
        raise InputError(
            "readme=true renews results/benchmarks/README.md of a checkout; leave it out of an installed package"
        )
    with run_folder(folder) as claimed:
        for name, text in asked_files().items():
            claimed.write_text(f".hydra/{name}", text)
        if config["history"]:
            show_histories(claimed, photographed=config["readme"])
        else:
            sizes, backend = build(config["benchmark"], "benchmark"), resolve(str(config["backend"]))
            keep(measure(sizes, backend), claimed, readme=config["readme"])
        claimed.finish()


def measure(sizes: "Sizes", backend: str) -> dict:
    """Measure the machine's limits and every case, and return what the files of `results/benchmarks/` hold."""
    started = time.perf_counter()
    from engine.backend import library
    from engine.benchmark.cases import cases, derived
    from engine.benchmark.limits import device_name, measure_limits
    from engine.benchmark.measure import device_memory, measure_cases
    from engine.benchmark.tables import rounded
    from engine.kernels import usable
    from engine.progress import progress_bar
    from engine.runs.manifest import peak_memory_mb, provenance

    device = device_name(backend)
    table = cases(sizes)
    print(
        f"benchmark={sizes.name} on {device} ({backend}); the market's surface takes {sizes.surface_bytes / 1e9:.2f} GB"
    )
    at_most = functools.partial(measure_limits, backend, sizes.limit_megabytes)
    with progress_bar("Cases", len(table)) as advance:
        limits, rows, growth = measure_cases(table, sizes, backend, at_most, advance)
    return rounded(
        provenance()
        | {
            "benchmark": sizes.name,
            "backend": backend,
            "device": device,
            "kernels": usable(library(backend)),
            "limits": asdict(limits),
            "cases": rows,
            "figures": derived(rows),
            "growth": growth,
            "sizes": asdict(sizes),
            "peak_memory_mb": peak_memory_mb(),
            "device_memory_mb": device_memory(backend) / 2**20,
            "seconds": time.perf_counter() - started,
        }
    )


def keep(result: dict, folder: "Claim", readme: bool) -> None:
    """Print a benchmark, write its numbers and pictures, add it to the history and, if asked, renew their page."""
    from engine.benchmark import history, tables
    from engine.benchmark.pictures import photograph, write_pictures
    from engine.runs.manifest import write_json

    name = file_name(result)
    numbers, past = PUBLISHED / f"{name}.json", PUBLISHED / f"{name}{history.ENDING}"
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    write_json(numbers, result)
    history.append(past, result)
    pages = write_pictures(result, history.read(past), folder)
    print(f"\n{tables.text_table(result)}")
    print(f"\nTook {result['seconds']:.0f} s, {result['peak_memory_mb'] / 1024:.1f} GB at most. Numbers: {numbers}")
    print(f"Pictures: {', '.join(str(page) for page in pages)}")
    if readme:
        tables.renew_readme(PUBLISHED / "README.md", name, tables.readme_table(result))
        taken = [photograph(page, PUBLISHED / f"{name}.{page.stem}.png") for page in pages]
        print(
            f"{PUBLISHED / 'README.md'} is renewed"
            + ("" if all(taken) else ", but not its pictures: no chromium to take them with")
        )


def show_histories(folder: "Claim", photographed: bool) -> None:
    """Print how the speed of every case changed over the runs kept, and draw it; one picture per history."""
    from engine.benchmark import history
    from engine.benchmark.pictures import photograph, write_history
    from engine.report import aligned

    kept = sorted(PUBLISHED.glob(f"*{history.ENDING}"))
    if not kept:
        raise InputError(f"history=true finds no run in {PUBLISHED}; run engine.benchmark once without it")
    for path in kept:
        runs = history.read(path)
        page = write_history(runs, folder, f"{path.name.removesuffix(history.ENDING)}.history")
        first, latest = (f"{run['finished'][:10]} ({history.commit(run)})" for run in (runs[0], runs[-1]))
        print(f"{path}: {len(runs)} runs, {first} to {latest}\n")
        print("\n".join(aligned(history.changes(runs))))
        print(f"\nPicture: {page}")
        if photographed and not photograph(page, PUBLISHED / f"{page.stem}.png"):
            print("No chromium to renew the picture in results/benchmarks/ with")


def file_name(result: dict) -> str:
    """Return the name of a benchmark's files: the device, and what sets the run apart from a full one with kernels.

    Examples
    --------
    >>> file_name({"device": "AMD EPYC, 2 cores", "kernels": False, "benchmark": "quick"})
    'amd-epyc-2-cores.arrays.quick'
    """
    from engine.benchmark.limits import slug

    arrays = [] if result["kernels"] else ["arrays"]
    size = [] if result["benchmark"] == "full" else [result["benchmark"]]
    return ".".join([slug(result["device"]), *arrays, *size])


def main() -> None:
    """Run the command line."""
    start(benchmark, "benchmark")


if __name__ == "__main__":
    main()
