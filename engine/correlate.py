"""python -m engine.correlate: implied correlation of every date, tenor, delta and basket, as files and a report."""

import time
from pathlib import Path

from engine.command.hydra import asked_files, in_sweep, start
from engine.command.markets import market_source, open_market, rows_read
from engine.command.objects import build, number
from engine.errors import InputError

BEHIND = "Behind these numbers"


def correlate(config: dict, folder: Path) -> None:
    """Measure implied and realised correlation, fill the run folder and print the levels at 50 delta."""
    started = time.perf_counter()
    from engine.correlation import baskets
    from engine.report import correlation_report, quality_report
    from engine.runs.claim import run_folder
    from engine.runs.manifest import manifest
    from engine.study.against_cboe import published_tables
    from engine.study.assets import assets_found, read_assets
    from engine.study.ex_earnings import read_earnings, with_ex_earnings
    from engine.study.levels import measure_levels
    from engine.study.portfolio import monitor_portfolio, read_portfolio
    from engine.study.quality import quality_of
    from engine.study.research import research
    from engine.study.snapshots import follow
    from engine.study.strips import strips_found
    from engine.study.tables import data_behind, statuses

    choice = build(config["basket"], "basket", config["allow"])
    coverage = number(config, "min_coverage", float)
    window = None if config["realized_window"] is None else number(config, "realized_window", int)
    most = None if config["snapshots"] is None else number(config, "snapshots", int)
    earnings = None if config["earnings"] is None else read_earnings(config["earnings"])
    portfolio = None if config["portfolio"] is None else read_portfolio(config["portfolio"])
    rise = number(config, "rise", float)
    if not abs(rise) < 1.0:
        raise InputError(f"rise={rise:g} is no change of a correlation; 0.1 is ten points")
    assets = read_assets(config["assets"], config["option"], config["beside"])
    if portfolio is not None and assets is not None:
        raise InputError("portfolio=FILE and assets=FILE are two questions: ask one of them")
    market, backend = open_market(config)
    chosen = baskets(choice, market)
    with run_folder(folder, inside_sweep=in_sweep()) as kept:
        for name, text in asked_files().items():
            kept.write_text(f".hydra/{name}", text)
        if config["watch"] is not None:
            follow(market, chosen, Path(str(config["watch"])), kept, coverage, most)
            kept.finish(manifest(market, backend, config["seed"], started))
            return
        found = None
        if portfolio is not None:
            found = monitor_portfolio(market, chosen, portfolio, rise, coverage)
        elif assets is not None:
            found = assets_found(market, assets, window)
        if found is not None:
            for name, frame in found.frames().items():
                kept.write_frame(f"{name}.parquet", frame)
            kept.finish(manifest(market, backend, config["seed"], started))
            print(*found.lines(market), f"\nNumbers: {folder}", sep="\n")
            return
        levels = measure_levels(market, chosen, coverage, window)
        if earnings is not None:
            levels = with_ex_earnings(levels, market, earnings, coverage)
        source = market_source(config)
        published = source.published()
        survivors = None if published is None else source.survivors()
        found = research(market, levels, coverage, config["day"], published, survivors)
        strips, strip_tables = strips_found(market, chosen[0], source.strips(), published, coverage)
        counts = rows_read(config)
        quality = quality_of(market, counts)
        read = {} if counts is None else {"quality": counts}
        if market.report is not None and market.report.restated is not None:
            read["restated"] = market.report.restated
        for name, frame in (levels.frames() | read | quality.frames() | found.frames | strips).items():
            kept.write_frame(f"{name}.parquet", frame)
        beside = published_tables(config, market, published, coverage)
        tables = {"Dates by status at 50 delta": statuses(levels.measured())} | levels.tables(market) | beside
        tables |= (
            {BEHIND: data_behind(market, chosen[0].weights, levels.longest, found.missing)}
            | found.tables
            | strip_tables
        )
        if config["report"]["html"]:
            page = correlation_report(levels.implied, levels.in_front(), market.info, tables, found.drawn)
            kept.write_text("report.html", page)
            kept.write_text("quality.html", quality_report(quality, market.info))
        kept.finish(manifest(market, backend, config["seed"], started, realized_windows=levels.told_windows()))
    _show(market, backend, levels, _shown(config, levels, tables, beside))
    print("", "Quality of the data", *(f"  {line}" for line in quality.lines()), sep="\n")
    print(f"\nTook {time.perf_counter() - started:.1f} s. Numbers: {folder / 'correlation.parquet'}")
    if config["report"]["html"]:
        print(f"Report: {folder / 'report.html'}, on the data {folder / 'quality.html'}")


def _shown(config: dict, levels, tables: dict, beside: dict) -> dict:
    """Return what is printed, by heading: one screen where the page has the rest, else all tables."""
    from engine.report import correlation_levels
    from engine.study.overview import MOST_ROWS, overview

    if not config["report"]["html"]:
        heading = "Implied correlation at 50 delta (means over dates whose status is ok)"
        return {heading: correlation_levels(levels.measured())} | tables
    shown = overview(levels)
    for heading, frame in list(beside.items())[:1]:
        shown[heading] = frame.head(MOST_ROWS)
    asked = f" on {config['day']}, "  # of the day's drivers
    return shown | {heading: frame for heading, frame in tables.items() if config["day"] and asked in heading}


def _show(market, backend: str, levels, printed: dict) -> None:
    from engine.report import aligned
    from engine.study.tables import negative_levels

    info, dates = market.info, market.dates
    labels = [basket.label for basket in levels.baskets]
    against = labels[0] if len(labels) == 1 else f"{len(labels)} baskets"
    print(
        f"{info.name}: {info.index} against {against}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})"
    )
    if info.notes:
        print(f"Data: {info.source}", *(f"Caution: {note}" for note in info.notes), sep="\n")
    for text in negative_levels(levels.measured()):
        print(f"Caution: {text}")
    for heading, frame in printed.items():
        print("", heading, *(f"  {line}" for line in aligned(frame)), sep="\n")


def main() -> None:
    """Run the command line."""
    start(correlate, "correlate")


if __name__ == "__main__":
    main()
