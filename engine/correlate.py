"""python -m engine.correlate: implied correlation of every date, tenor, delta and basket, as files and a report."""

import time
from pathlib import Path

from engine.config import build, launch, load, quality

BEHIND = "Behind these numbers"


def correlate(config: dict, folder: Path) -> None:
    """Measure implied and realised correlation, fill the run folder and print the levels at 50 delta."""
    started = time.perf_counter()
    import polars as pl

    from engine.correlation import baskets, correlate_baskets, daily_returns, realized_correlation
    from engine.forms import basket_table, data_behind, indices_form, long_form, realized_form, skew_order, statuses
    from engine.manifest import manifest, write_json
    from engine.report import aligned, correlation_levels, write_correlation_report
    from engine.research import study

    choice = build(config["basket"], "basket")
    market, backend = load(config)
    chosen = baskets(choice, market)
    coverage, window = _number(config, "min_coverage", float), _number(config, "realized_window", int)
    if config["watch"] is not None:
        follow(config, market, {b.label: b.weights for b in chosen if b.leg == market.info.index}, folder)
        write_json(folder / "manifest.json", manifest(market, backend, config["seed"], started))
        return
    labels = [basket.label for basket in chosen]
    rho = correlate_baskets(chosen, market.component_iv, min_coverage=coverage, budget=market.window_bytes)
    long = long_form(market, rho, labels)
    long.write_parquet(folder / "correlation.parquet")
    indices_form(long).write_parquet(folder / "indices.parquet")
    returns = daily_returns(market.spot, market.return_factor, market.dates)
    realized = {basket.label: realized_correlation(returns, basket.weights, window=window) for basket in chosen}
    moved = pl.concat(realized_form(market, record, label) for label, record in realized.items())
    moved.write_parquet(folder / "realized.parquet")
    quality(config).write_parquet(folder / "quality.parquet")

    measured = long.filter(pl.col("status") != "no_index_leg")
    levels, beside = correlation_levels(measured), {}
    if len(chosen) > 1:
        beside["Baskets"] = basket_table(chosen, moved)
    if (order := skew_order(rho, market)) is not None:
        beside[f"Order of the 3-month indices by delta, {labels[0]}"] = order
    beside |= beside_published(config, market, coverage)
    beside[BEHIND] = data_behind(market, chosen[0].weights)
    drawn, tables = study(config, market, rho, chosen, realized, long, coverage, folder)
    beside |= tables
    if config["report"]["html"]:
        write_correlation_report(long, moved, market.info, folder / "report.html", extra=beside, research=drawn)
    write_json(folder / "manifest.json", manifest(market, backend, config["seed"], started))

    info, dates = market.info, market.dates
    against = labels[0] if len(chosen) == 1 else f"{len(chosen)} baskets"
    print(
        f"{info.name}: {info.index} against {against}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})"
    )
    levels_heading = "Implied correlation at 50 delta (means over dates whose status is ok)"
    printed = {levels_heading: levels, "Dates by status at 50 delta": statuses(measured)} | beside
    for heading, frame in printed.items():
        print("", heading, *(f"  {line}" for line in aligned(frame)), sep="\n")
    print(f"\nTook {time.perf_counter() - started:.1f} s. Numbers: {folder / 'correlation.parquet'}")
    if config["report"]["html"]:
        print(f"Report: {folder / 'report.html'}")


def follow(config: dict, market, baskets: dict, folder: Path) -> None:
    """Publish correlations of snapshots as they arrive, then keep all of them in one file."""
    import polars as pl

    from engine.live import watch

    most = None if config["snapshots"] is None else _number(config, "snapshots", int)
    live = watch(market, baskets, Path(str(config["watch"])), folder, _number(config, "min_coverage", float), most)
    published = sorted((folder / "snapshots").glob("*.parquet"))
    if published:
        pl.concat([pl.read_parquet(path) for path in published]).sort("date", maintain_order=True).write_parquet(
            folder / "correlation.parquet"
        )
    print(f"Stopped after {len(live):,} snapshots. Numbers: {folder}")


def _number(config, key: str, kind):
    from engine.errors import InputError

    value = config[key]
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise InputError(f"{key}={value} is not a {'whole ' if kind is int else ''}number")
    return kind(value)


def beside_published(config, market, min_coverage: float) -> dict:
    """Return tables against the published Cboe indices, and of SPX beside the fund as index leg, where files allow.

    Parameters
    ----------
    config : mapping, resolved
    market : MarketPanel
    min_coverage : float

    Returns
    -------
    dict of heading -> frame
    """
    import polars as pl

    from engine.data.sources.us_chains.files import LEVELS, SPX, SPX_QUOTES
    from engine.published import against_published, beside_spx

    path = Path(config["market"]["path"] or "")
    tables = {}
    if market.info.name != "us_chains":
        return tables
    published = path / "us_history" / LEVELS
    if published.is_file():
        indices = pl.read_parquet(published)
        tables["Against the published Cboe indices, points"] = against_published(market, path, indices, min_coverage)
    if published.is_file() and (path / "us2026" / SPX_QUOTES).is_file() and market.info.index != SPX:
        whole = {"backend": "numpy", "start": None, "end": None, "market": config["market"] | {"index": SPX}}
        spx, _ = load(config | whole)
        beside = beside_spx(market, spx)
        if beside.height:
            tables[f"{SPX} beside {market.info.index} as index leg, 50 largest present, points"] = beside
    return tables


def main() -> None:
    """Run the command line."""
    launch(correlate, "correlate")


if __name__ == "__main__":
    main()
