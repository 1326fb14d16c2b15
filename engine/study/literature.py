"""Published studies of the correlation premium, and their numbers beside those of a backtest that restates them.

Each is a file of `configs/experiment/` (`engine.run experiment=driessen_maenhout_vilkov`), ready for whoever has the
data. On other data, a synthetic market say, the numbers need not agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.backend import to_host
from engine.correlation import matched_window
from engine.data.series import DailySeries
from engine.errors import InputError
from engine.statistics import hac_tstat

if TYPE_CHECKING:
    from engine.backtest import BacktestResult

MEASURES: Mapping[str, tuple[str, str]] = {
    "implied": ("implied correlation, mean", "decimals"),
    "realized": ("realised correlation, mean", "decimals"),
    "premium": ("implied less realised afterwards, mean", "decimals"),
    "premium_t": ("t-statistic of it (HAC)", ""),
    "gross": ("gross P&L per unit index vega", "vol points"),
    "cost": ("cost per unit index vega", "vol points"),
    "net": ("net P&L per unit index vega", "vol points"),
    "sharpe_gross": ("Sharpe ratio, gross", ""),
    "sharpe_net": ("Sharpe ratio, net", ""),
    "return_net": ("net return a year", "decimals of capital"),
}


@dataclass(frozen=True)
class PublishedStudy:
    """A study as it was published.

    Parameters
    ----------
    title, sample : str
    numbers : mapping of a name of MEASURES to what was published
    differs : str
        What stands between its numbers and ours, on the same data.
    """

    title: str
    sample: str
    numbers: Mapping[str, float]
    differs: str


STUDIES: Mapping[str, PublishedStudy] = {
    "cboe_cor": PublishedStudy(
        "Cboe S&P 500 implied correlation indices, COR1M",
        "S&P 500, daily closes 2006 to March 2026",
        {"implied": 0.377},
        "Cboe's volatilities are per trading day",
    ),
    "driessen_maenhout_vilkov": PublishedStudy(
        "Driessen, Maenhout and Vilkov, The price of correlation risk (Journal of Finance 2009)",
        "S&P 100, 1996 to 2003",
        {"implied": 0.467, "realized": 0.287, "premium": 0.18},
        "model-free variances; they find that realistic frictions take all of the profit",
    ),
    "faria_kosowski_wang": PublishedStudy(
        "Faria, Kosowski and Wang, The correlation risk premium: international evidence (2022)",
        "S&P 500, 2002 to 2012, 91 days",
        {"premium": 0.086},
        "they have .067 for Euro Stoxx 50, .089 for FTSE 100 and about .105 for DAX, too",
    ),
    "schneider_stuebinger": PublishedStudy(
        "Schneider and Stuebinger, Dispersion trading based on the explanatory power of S&P 500 stock returns (2020)",
        "S&P 500, 2000 to 2017, five members",
        {"return_net": 0.145, "sharpe_net": 0.40},
        "their capital is another; unhedged .265 a year at a Sharpe ratio of .34",
    ),
    "ferrari_poy_abate": PublishedStudy(
        "Ferrari, Poy and Abate, Dispersion trading: an empirical analysis on the S&P 100 options (2019)",
        "S&P 100",
        {"sharpe_gross": 2.47},
        "theirs and ours are before costs",
    ),
    "replication_346_months": PublishedStudy(
        "A public replication over 346 months",
        "S&P 500, the 50 largest, 30 days, monthly, 1996 to 2024",
        {
            "implied": 0.418,
            "realized": 0.346,
            "premium": 0.072,
            "premium_t": 7.7,
            "gross": 1.385,
            "cost": 1.354,
            "net": 0.030,
            "sharpe_net": 0.04,
        },
        "costs by era; gated by a quantile of the whole sample it shows a Sharpe ratio of .28, of what was known -.38",
    ),
}

# Means of COR1M by period, in points, as measured on the published closes until 26 March 2026.
COR1M_PERIODS = ((2006, 2009, 43.7), (2010, 2014, 51.2), (2015, 2019, 31.8), (2020, 2022, 37.2), (2023, 2026, 18.9))


def beside_published(study: str, result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Set the numbers of a published study beside those of a result.

    Parameters
    ----------
    study : str
        One of STUDIES.
    result : BacktestResult
    p : int
        Parameter set.

    Returns
    -------
    frame
        `measure`, `published`, `ours`, `unit`; null where ours is not known.

    Raises
    ------
    InputError
        When there is no such study.
    """
    if study not in STUDIES:
        raise InputError(f"{study} is no published study; there are {', '.join(STUDIES)}")
    ours = _measured(result, p)
    rows = [(MEASURES[name][0], value, ours[name], MEASURES[name][1]) for name, value in STUDIES[study].numbers.items()]
    schema = {"measure": pl.String, "published": pl.Float64, "ours": pl.Float64, "unit": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("ours").fill_nan(None))


def cor1m_by_period(published: DailySeries, end: str = "2026-03-26") -> pl.DataFrame:
    """Set means of COR1M by period, as known, beside those of the published closes until a date, in points.

    Returns
    -------
    frame
        `period`, `known`, `measured`, `sessions`.
    """
    closes = published.common("COR1M", end=end)
    years = closes.dates.astype("datetime64[Y]").astype(int) + 1970
    rows = []
    for first, last, known in COR1M_PERIODS:
        inside = closes["COR1M"][(years >= first) & (years <= last)]
        rows.append((f"{first}-{last}", known, float(inside.mean()), len(inside)))
    return pl.DataFrame(rows, schema=["period", "known", "measured", "sessions"], orient="row")


def _measured(result: "BacktestResult", p: int) -> dict[str, float]:
    tenors, summary = np.asarray(result.market.tenors), result.summary(p)
    tenor = int(tenors[np.abs(tenors - getattr(result.book.recipe.structure, "tenor", 30)).argmin()])
    window = matched_window(tenor)
    implied = np.asarray(to_host(result.view.implied_correlation(tenor)), dtype=float)
    realized = np.asarray(to_host(result.view.realized_correlation(window)), dtype=float)
    premium = implied[:-window] - realized[window:]  # what was realised over the sessions after the close
    return {
        "implied": _mean(implied),
        "realized": _mean(realized),
        "premium": _mean(premium),
        "premium_t": hac_tstat(premium, window),
        "gross": summary["pnl_gross_per_vega"],
        "cost": summary["option_cost_per_vega"] + summary["hedge_cost_per_vega"],
        "net": summary["pnl_net_per_vega"],
        "sharpe_gross": summary["sharpe_gross"],
        "sharpe_net": summary["sharpe_net"],
        "return_net": summary["return_net_annual"],
    }


def _mean(series: Floats) -> float:
    known = series[np.isfinite(series)]
    return float(known.mean()) if len(known) else float("nan")
