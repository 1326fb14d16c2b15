"""python -m engine.benchmark: time every part of the engine, print the table and write the numbers."""

import functools
import time
from dataclasses import asdict
from pathlib import Path

from engine.command.hydra import start
from engine.command.objects import build

PUBLISHED = Path("results") / "benchmarks"


def benchmark(config: dict, folder: Path) -> None:
    """Measure the machine's limits and every case, write the results and the pictures, print the table."""
    started = time.perf_counter()
    from engine.backend import library, resolve
    from engine.benchmark import tables
    from engine.benchmark.cases import cases, derived
    from engine.benchmark.limits import device_name, measure_limits, slug
    from engine.benchmark.measure import device_memory, measure_cases
    from engine.benchmark.pictures import photograph, write_pictures
    from engine.kernels import usable
    from engine.progress import progress_bar
    from engine.runs.manifest import PROJECT, peak_memory_mb, provenance, write_json

    sizes, backend = build(config["benchmark"], "benchmark"), resolve(str(config["backend"]))
    device, table, kernels = device_name(backend), cases(sizes), usable(library(backend))
    print(
        f"benchmark={sizes.name} on {device} ({backend}); the market's surface takes {sizes.surface_bytes / 1e9:.2f} GB"
    )
    at_most = functools.partial(measure_limits, backend, sizes.limit_megabytes)
    with progress_bar("Cases", len(table)) as advance:
        limits, rows, growth = measure_cases(table, sizes, backend, at_most, advance)
    result = tables.rounded(
        provenance()
        | {
            "benchmark": sizes.name,
            "backend": backend,
            "device": device,
            "kernels": kernels,
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

    name = ".".join([slug(device), *([] if kernels else ["arrays"]), *([] if sizes.name == "full" else [sizes.name])])
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    numbers = PUBLISHED / f"{name}.json"
    write_json(numbers, result)
    pages = write_pictures(result, folder)
    print(f"\n{tables.text_table(result)}")
    print(f"\nTook {result['seconds']:.0f} s, {result['peak_memory_mb'] / 1024:.1f} GB at most. Numbers: {numbers}")
    print(f"Pictures: {', '.join(str(page) for page in pages)}")
    if config["readme"]:
        tables.renew_readme(PROJECT / "README.md", name, tables.readme_table(result))
        taken = [photograph(page, PUBLISHED / f"{name}.{page.stem}.png") for page in pages]
        print("README.md is renewed" + ("" if all(taken) else ", but not its pictures: no chromium to take them with"))


def main() -> None:
    """Run the command line."""
    start(benchmark, "benchmark")


if __name__ == "__main__":
    main()
