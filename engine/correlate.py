"""python -m engine.correlate: implied correlation of every date, tenor, delta and basket, as files and a report."""

import itertools
import time
from pathlib import Path

from engine.config import build, launch, load, quality

BEHIND = "Behind these numbers"
SKEW_ORDER = ("COR90D", "COR70D", "COR3M", "COR30D", "COR10D")  # what puts are usually dearer in, falling


def correlate(config: dict, folder: Path) -> None:
    """Measure implied and realised correlation, fill the run folder and print the levels at 50 delta."""
    started = time.perf_counter()
    import polars as pl

    from engine.correlation import baskets, correlate_baskets, daily_returns, realized_correlation
    from engine.manifest import manifest, write_json
    from engine.report import correlation_levels, write_correlation_report
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
    print_table("Implied correlation at 50 delta (means over dates whose status is ok)", levels)
    print_table("Dates by status at 50 delta", _statuses(measured))
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


def basket_table(chosen, moved):
    """Return one row per basket: its index leg, names, share of the index or sector, and realised correlation.

    Parameters
    ----------
    chosen : sequence of Chosen
    moved : frame
        As from `realized_form`.
    """
    import polars as pl

    from engine.backend import to_host

    rows = [
        {
            "basket": basket.label,
            "index_leg": basket.leg or "none",
            "names": float(to_host((basket.weights > 0.0).sum(axis=1)).mean()),
            "share": float(to_host(basket.share).mean()),
        }
        for basket in chosen
    ]
    usable = pl.col("realized_correlation").filter(pl.col("status") == "ok")
    realized = moved.group_by("basket").agg(
        usable.count().alias("realised_dates"), usable.mean().alias("realised_mean"), usable.last().alias("last")
    )
    return pl.DataFrame(rows).join(realized, on="basket", how="left", maintain_order="left")


def skew_order(rho, market):
    """Return on which share of dates each 3-month index of the first basket lies above the next lower delta's.

    Parameters
    ----------
    rho : ImpliedCorrelation of arrays (B, T, K, D)
    market : MarketPanel

    Returns
    -------
    frame or None
        Over dates on which all named are `ok`; None where there is none, or the surface does not have them.
    """
    import numpy as np
    import polars as pl

    from engine.backend import to_host
    from engine.correlation import CorrelationStatus, correlation_indices

    usable = np.where(to_host(rho.status[0]) == CorrelationStatus.OK, to_host(rho.clean[0]), np.nan)
    levels = correlation_indices(usable, market.tenors, market.deltas)
    if not set(SKEW_ORDER) <= levels.keys():
        return None
    orders = [SKEW_ORDER[:4], *itertools.pairwise(SKEW_ORDER)]
    rows = []
    for names in orders:
        values = np.stack([levels[name] for name in names])
        values = values[:, np.isfinite(values).all(axis=0)]
        held = (np.diff(values, axis=0) < 0.0).all(axis=0)
        if held.size:
            rows.append({"order": " > ".join(names), "dates": held.size, "share_of_dates": float(held.mean())})
    return pl.DataFrame(rows) if rows else None


def long_form(market, rho, labels):
    """Return implied correlation as rows: one per basket, date, tenor and delta; decimals, null where not computable.

    Parameters
    ----------
    market : MarketPanel
    rho : ImpliedCorrelation of arrays (B, T, K, D)
    labels : sequence (B,) of str
    """
    import numpy as np
    import polars as pl

    from engine.backend import to_host

    shape = rho.clean.shape[1:]
    axes = np.ix_(market.dates, market.tenors.astype(np.int32), market.deltas.astype(np.int32))
    date, tenor, delta = (pl.Series(np.broadcast_to(axis, shape).ravel()) for axis in axes)
    parts = []
    for b, label in enumerate(labels):
        values = {name: to_host(array[b]).ravel() for name, array in vars(rho).items()}
        part = pl.DataFrame(
            {
                "date": date,
                "basket": pl.Series([label]).new_from_index(0, len(date)),
                "tenor": tenor,
                "delta": delta,
                "implied_correlation": values["clean"],
                "dirty_correlation": values["dirty"],
                "variance_ratio": values["variance_ratio"],
                "names": values["names"],
                "coverage": values["coverage"],
                "status": _status_texts().gather(values["status"]),
            }
        )
        ratios = pl.col("implied_correlation", "dirty_correlation", "variance_ratio")
        parts.append(part.with_columns(ratios.fill_nan(None)))
    return pl.concat(parts, rechunk=False)


def _status_texts():
    import polars as pl

    from engine.correlation import CorrelationStatus

    return pl.Series([status.text for status in CorrelationStatus])


def indices_form(long):
    """Return what has an index's name as rows date, basket, index, level (points, as published), status.

    Parameters
    ----------
    long : frame
        As from `long_form`.
    """
    import polars as pl

    from engine.correlation import INDICES, index_cell

    cells = pl.DataFrame(
        [(name, *index_cell(name)) for name in INDICES],
        schema={"index": pl.String, "tenor": pl.Int32, "delta": pl.Int32},
        orient="row",
    )
    named = long.join(cells, on=["tenor", "delta"], maintain_order="left")
    return named.select("date", "basket", "index", (100.0 * pl.col("implied_correlation")).alias("level"), "status")


def realized_form(market, realized, basket: str):
    """Return realised correlation as rows, one per date; decimals, null where not computable."""
    import polars as pl

    from engine.backend import to_host

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
            "status": _status_texts().gather(values["status"]),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


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

    from engine.data.sources.us_chains import LEVELS, SPX, SPX_QUOTES
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


def _statuses(long):
    import polars as pl

    counts = long.filter(pl.col("delta") == 50).pivot(
        on="status", index=["basket", "tenor"], values="delta", aggregate_function="len"
    )
    return counts.with_columns(pl.selectors.numeric().fill_null(0))


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
