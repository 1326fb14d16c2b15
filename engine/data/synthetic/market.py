"""Building a synthetic market: whole in memory, or by blocks of dates."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from engine.backend import blocks
from engine.data.check_panel import check_panel
from engine.data.panel import MarketPanel
from engine.data.records import MarketInfo, SectorData
from engine.data.synthetic.paths import Paths, draw_paths
from engine.data.synthetic.settings import SyntheticMarket
from engine.data.synthetic.surface import QuotedSurfaces, quoted_surfaces, sector_numbers, sector_weights
from engine.data.synthetic.truth import Truth
from engine.data.synthetic.variance import FairPricer

BLOCK_BYTES = 128 * 2**20


def build(paths: Paths, budget: int = BLOCK_BYTES) -> Iterator[tuple[slice, MarketPanel, dict]]:
    """Build a synthetic market as panels of consecutive dates; their contents do not depend on `budget`.

    Parameters
    ----------
    paths : Paths
        From `draw_paths`; they take 8 (K + 12) bytes per date and name.
    budget : int
        Bytes that the surfaces of one block may take, temporary arrays included.

    Yields
    ------
    dates : slice
    panel : MarketPanel
    truth : dict of array (T, ...)
        The fields of `Truth` that are known block by block.
    """
    settings = paths.settings
    pricer = FairPricer(paths)
    tenors, deltas = len(settings.tenors), len(settings.deltas)
    cell = np.dtype(settings.dtype).itemsize + 1  # bytes of a volatility and of its status
    leg_spot = _leg_spot(paths)
    bytes_per_date = len(paths.plan.names) * tenors * (cell * deltas + 8 * 8)
    for block in blocks(len(paths.dates), bytes_per_date, budget):
        fair = pricer.at(block)
        surfaces = quoted_surfaces(paths, fair, block)
        truth = {
            "fair_variance": fair.component,
            "fair_index_variance": fair.index,
            "fair_correlation": fair.correlation,
            "implied_correlation": surfaces.planted,
            "missing": surfaces.missing,
            "index_missing": surfaces.index_missing,
        }
        yield block, _panel(paths, surfaces, leg_spot[block], block), truth


def _panel(paths: Paths, surfaces: QuotedSurfaces, leg_spot, block: slice) -> MarketPanel:
    settings, plan = paths.settings, paths.plan
    spot = paths.spot[block]
    return MarketPanel(
        info=MarketInfo(
            name="synthetic",
            index="SYNX",
            calendar=settings.calendar,
            source=f"synthetic market, seed {settings.seed}",
            forward_convention="spot grown at the rate",
            marks="synthetic",
        ),
        dates=paths.dates[block],
        names=plan.names,
        tenors=np.array(settings.tenors),
        deltas=np.array(settings.deltas),
        index_iv=surfaces.index_iv,
        component_iv=surfaces.component_iv,
        index_status=surfaces.index_status,
        component_status=surfaces.component_status,
        weights=paths.weights[block],
        index_spot=paths.index_spot[block],
        spot=spot,
        rate=np.full(len(spot), settings.rate),
        index_carry=np.full(len(spot), settings.rate),
        carry=np.full(spot.shape, settings.rate),
        strike_factor=plan.strike_factor[block],
        return_factor=plan.return_factor[block],
        settlement=np.where(plan.ceases[block], spot, np.nan),
        sectors=SectorData(
            of_name=np.array([f"Sector {number + 1}" for number in sector_numbers(paths)]),
            legs=np.array(["Sector 1"]),
            symbols=np.array(["SECX"]),
            weights=sector_weights(paths, block),
            leg_spot=leg_spot,
            leg_iv=surfaces.leg_iv,
            leg_status=surfaces.leg_status,
        ),
        validate=False,  # a block is checked as it is written, a whole one where it is returned
    )


def _leg_spot(paths: Paths) -> np.ndarray:
    """Closes of the fund on the first sector, (T, 1): its names in their weights there, as the index has all names."""
    held = np.where(sector_numbers(paths) == 0, sector_weights(paths, slice(None)), 0.0)
    moved = np.where(held > 0.0, held * np.where(np.isnan(paths.returns), 0.0, paths.returns), 0.0).sum(axis=1)
    return 100.0 * np.cumprod(1.0 + moved)[:, None]


def synthetic_market(settings: SyntheticMarket | None = None, **changes: Any) -> tuple[MarketPanel, Truth]:
    """Generate a whole synthetic market in memory, with the truth planted in it.

    Parameters
    ----------
    settings : SyntheticMarket or None
        None starts from the defaults (10 years x 50 names).
    **changes
        Settings to change.

    Returns
    -------
    panel : MarketPanel
    truth : Truth

    Raises
    ------
    InputError
        When a setting is out of range.

    Examples
    --------
    >>> panel, truth = synthetic_market(years=1, names=5, seed=1)
    >>> len(panel), panel.component_iv.shape[1:]
    (252, (8, 10, 17))
    """
    paths = draw_paths(replace(settings or SyntheticMarket(), **changes))
    ((_, panel, part),) = build(paths, budget=2**62)
    check_panel(panel)
    return panel, truth_of(paths, part)


def truth_of(paths: Paths, part: dict) -> Truth:
    """Join what was drawn with the arrays that `build` gave, put together over all dates."""
    return Truth(
        settings=paths.settings,
        dates=paths.dates,
        names=paths.plan.names,
        level=paths.level,
        correlation=paths.correlation,
        correlation_premium=paths.premium,
        vol_premium=paths.settings.vol_premium,
        earnings=paths.reports[: len(paths.dates)],
        events=paths.events,
        **part,
    )
