"""python -m engine.correlate: implied correlation of every date, tenor and delta of a market, as files and a report."""

import time
from pathlib import Path

from engine.config import build, launch, load, quality

BEHIND = "Behind these numbers"
PUBLISHED = Path("us_history") / "cboe_indices.parquet"  # under market.path


def correlate(config: dict, folder: Path) -> None:
    """Measure implied and realised correlation, fill the run folder and print the levels at 50 delta."""
    started = time.perf_counter()
    import polars as pl

    from engine.correlation import daily_returns, implied_correlation, realized_correlation
    from engine.manifest import manifest, write_json
    from engine.published import compare_with_published
    from engine.report import correlation_levels, write_correlation_report

    basket = build(config["basket"], "basket")
    market, backend = load(config)
    weights = basket.select(market.weights, market.names)
    if config["watch"] is not None:
        follow(config, market, {basket.label: weights}, folder)
        write_json(folder / "manifest.json", manifest(market, backend, config["seed"], started))
        return
    rho = implied_correlation(
        market.index_iv,
        market.component_iv,
        weights,
        min_coverage=_number(config, "min_coverage", float),
        budget=market.window_bytes,
    )
    realized = realized_correlation(
        daily_returns(market.spot, market.return_factor, market.dates),
        weights,
        window=_number(config, "realized_window", int),
    )
    label = basket.label
    long, moved = long_form(market, rho, label), realized_form(market, realized, label)
    long.write_parquet(folder / "correlation.parquet")
    moved.write_parquet(folder / "realized.parquet")
    quality(config).write_parquet(folder / "quality.parquet")

    levels, beside = correlation_levels(long), {BEHIND: data_behind(market, weights)}
    published = Path(config["market"]["path"] or "") / PUBLISHED
    if market.info.name == "us_chains" and published.is_file():
        beside["Against the published Cboe indices, points"] = compare_with_published(
            market, rho, pl.read_parquet(published)
        )
    if config["report"]["html"]:
        write_correlation_report(long, moved, market.info, folder / "report.html", extra=beside)
    write_json(folder / "manifest.json", manifest(market, backend, config["seed"], started))

    info, dates = market.info, market.dates
    print(f"{info.name}: {info.index} against {label}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})")
    print_table("Implied correlation at 50 delta (means over dates whose status is ok)", levels.drop("basket"))
    print_table("Dates by status at 50 delta", _statuses(long))
    for heading, frame in beside.items():
        print_table(heading, frame)
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


def data_behind(market, weights):
    """Return as rows what the numbers stand on: the share of the index in the basket, and the sessions the data lacks.

    Parameters
    ----------
    market : MarketPanel
    weights : array (T, N)
        Basket weights selected from the market's.
    """
    import polars as pl

    from engine.backend import to_host
    from engine.calendar import LONGEST_CLOSURE_DAYS, after_hole, check_sessions
    from engine.correlation import index_share

    share, calendar = to_host(index_share(weights, market.weights)), market.info.calendar
    check = check_sessions(market.dates, calendar)
    rows = {
        "index share held by the basket": f"{_percent(share.mean())} (least {_percent(share.min())})",
        f"sessions missing against the {calendar} calendar": _listed(check.missing),
        f"sessions the {calendar} calendar does not have": _listed(check.extra),
        "sessions outside what the calendar knows": f"{check.unchecked:,}",
        f"holes of more than {LONGEST_CLOSURE_DAYS} days, before": _listed(market.dates[after_hole(market.dates)]),
    }
    return pl.DataFrame({"what": list(rows), "value": list(rows.values())})


def _percent(share: float) -> str:
    from engine.report.tables import as_text

    return as_text(share, "percent")


def _listed(dates, shown: int = 4) -> str:
    """Count dates and name the first of them."""
    named = [*(str(date) for date in dates[:shown]), *(["..."] if len(dates) > shown else [])]
    return f"{len(dates):,} ({', '.join(named)})" if named else "0"


def long_form(market, rho, basket: str):
    """Return implied correlation as rows: one per date, tenor and delta; decimals, null where not computable."""
    import numpy as np
    import polars as pl

    from engine.backend import to_host
    from engine.correlation import CorrelationStatus

    shape = rho.clean.shape
    date, tenor, delta = (np.broadcast_to(axis, shape).ravel() for axis in np.ix_(*_axes(market)))
    values = {name: to_host(array).ravel() for name, array in vars(rho).items()}
    return pl.DataFrame(
        {
            "date": date,
            "basket": pl.Series([basket]).new_from_index(0, date.size),
            "tenor": tenor.astype(np.int32),
            "delta": delta.astype(np.int32),
            "implied_correlation": values["clean"],
            "dirty_correlation": values["dirty"],
            "variance_ratio": values["variance_ratio"],
            "names": values["names"],
            "coverage": values["coverage"],
            "status": np.array([status.text for status in CorrelationStatus])[values["status"]],
        }
    ).with_columns(pl.col("implied_correlation", "dirty_correlation", "variance_ratio").fill_nan(None))


def _axes(market):
    return market.dates, market.tenors, market.deltas


def realized_form(market, realized, basket: str):
    """Return realised correlation as rows, one per date; decimals, null where not computable."""
    import numpy as np
    import polars as pl

    from engine.backend import to_host
    from engine.correlation import CorrelationStatus

    values = {name: to_host(array) for name, array in vars(realized).items() if name != "component_vol"}
    return pl.DataFrame(
        {
            "date": market.dates,
            "basket": pl.Series([basket]).new_from_index(0, len(market)),
            "realized_correlation": values["clean"],
            "dirty_correlation": values["dirty"],
            "variance_ratio": values["variance_ratio"],
            "index_vol": values["index_vol"],
            "names": values["names"],
            "coverage": values["coverage"],
            "status": np.array([status.text for status in CorrelationStatus])[values["status"]],
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _statuses(long):
    import polars as pl

    counts = long.filter(pl.col("delta") == 50).pivot(
        on="status", index="tenor", values="delta", aggregate_function="len"
    )
    return counts.with_columns(pl.all().fill_null(0)).sort("tenor")


def print_table(heading: str, frame) -> None:
    """Print a frame with aligned columns."""
    cells = [[_cell(value) for value in row] for row in frame.iter_rows()]
    widths = [max(map(len, column)) for column in zip(frame.columns, *cells, strict=True)]
    print(f"\n{heading}")
    for row in (frame.columns, *cells):
        print("  " + "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))


def _cell(value) -> str:
    if value is None:
        return "n/a"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run the command line."""
    launch(correlate, "correlate")


if __name__ == "__main__":
    main()
