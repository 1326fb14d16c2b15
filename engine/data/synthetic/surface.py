"""The quoted surfaces of a synthetic market: smiles on fair variances, the index from planted correlations, holes."""

from dataclasses import dataclass

import numpy as np

from engine.data.records import QuoteStatus
from engine.data.synthetic.paths import MISSING, Paths, date_stream
from engine.data.synthetic.settings import SyntheticMarket
from engine.data.synthetic.variance import FairVariance
from engine.errors import InputError

WINGS = (15, 85)  # the wings of a smile are the deltas at or beyond these
INDEX_HOLES = 0.1  # the index, and the sector's leg, have this share of the names' missing rate


@dataclass(frozen=True, eq=False)
class QuotedSurfaces:
    """Surfaces of a block of dates, rounded and with their holes, and what was planted in them.

    Parameters
    ----------
    index_iv : array (T, K, D); component_iv : array (T, N, K, D)
    index_status : array (T, K, D); component_status : array (T, N, K, D), uint8
    planted : array (T, K, D), float64
        Clean implied correlation of the surfaces before the holes.
    missing : array (T, N, K); index_missing : array (T, K), uint8
        Planted holes by smile.
    leg_iv : array (T, 1, K, D); leg_status : array (T, 1, K, D)
        The options on the first sector.
    """

    index_iv: np.ndarray
    component_iv: np.ndarray
    index_status: np.ndarray
    component_status: np.ndarray
    planted: np.ndarray
    missing: np.ndarray
    index_missing: np.ndarray
    leg_iv: np.ndarray
    leg_status: np.ndarray


def smile_shape(settings: SyntheticMarket) -> np.ndarray:
    """What the typical smile adds to the at-the-money volatility, as a share of it; (K, D)."""
    x = (np.array(settings.deltas) - 50.0) / 40.0
    flatter = (30.0 / np.array(settings.tenors)) ** settings.skew_decay
    return flatter[:, None] * (settings.skew * x + settings.curvature * x**2)


def smiles(paths: Paths) -> np.ndarray:
    """Implied volatility of every name at every tenor and delta as a multiple of that at 50 delta, (N, K, D)."""
    smile = 1.0 + paths.smile_strength[:, None, None] * smile_shape(paths.settings)
    if not (smile > 0.0).all():
        raise InputError("synthetic skew, curvature and smile_dispersion make a volatility negative; lower them")
    return smile


def planted_correlation(paths: Paths, fair: FairVariance, block: slice) -> np.ndarray:
    """Implied correlation to plant, (T, K, D): fair, plus the premium of the date, plus the slope in delta."""
    settings = paths.settings
    slope = settings.correlation_skew * (np.array(settings.deltas) - 50.0) / 40.0
    return fair.correlation[:, :, None] + paths.premium[block, None, None] + slope


def at_the_money(paths: Paths, fair: FairVariance) -> np.ndarray:
    """Implied volatility of every name at 50 delta, (T, N, K)."""
    return np.sqrt(fair.component) * (1.0 + paths.settings.vol_premium)


def index_surface(paths: Paths, fair: FairVariance, planted, weights) -> np.ndarray:
    """Implied volatility of a basket, (T, K, D), from planted correlations by the clean formula.

    s_I^2 = (B + rho (A^2 - B)) / (sum w)^2      A = sum w s      B = sum w^2 s^2      over the names quoted

    Parameters
    ----------
    planted : array (T, K, D)
    weights : array (T, N)
        Of the basket; where it has no quoted name the result is NaN.
    """
    shape = smile_shape(paths.settings)
    atm = at_the_money(paths, fair)
    sums = np.zeros((5, *atm.shape[::2]))
    total = np.zeros(len(atm))
    # s = atm (1 + c shape) with a strength c per name: sums over names need no delta axis. Names are added one after
    # the other, so that the bits do not depend on the block.
    for n, strength in enumerate(paths.smile_strength):
        held = (weights[:, n] > 0.0) & np.isfinite(atm[:, n, 0])
        weight = np.where(held, weights[:, n], 0.0)
        vol = weight[:, None] * np.where(held[:, None], atm[:, n], 0.0)
        square = vol * vol
        total += weight
        sums[0] += vol
        sums[1] += vol * strength
        sums[2] += square
        sums[3] += square * (2.0 * strength)
        sums[4] += square * strength**2
    average = sums[0][:, :, None] + sums[1][:, :, None] * shape
    single = sums[2][:, :, None] + shape * (sums[3][:, :, None] + shape * sums[4][:, :, None])
    # A basket of one name has no pair: its volatility is that of the name.
    variance = single + np.where(np.isfinite(planted), planted, 0.0) * (average**2 - single)
    filled = total > 0.0
    if not (variance[filled] > 0.0).all():
        raise InputError(
            f"the synthetic market's implied correlation falls to {np.nanmin(planted):.2f}, and no index has so low a "
            "variance; raise correlation_premium, or lower correlation_skew, premium_noise or correlation_noise"
        )
    return np.sqrt(variance) / np.where(filled, total, np.nan)[:, None, None]


def sector_weights(paths: Paths, block: slice) -> np.ndarray:
    """Weight of each name in its own sector, (T, N)."""
    weights, sector = paths.weights[block], sector_numbers(paths)
    total = np.stack([weights[:, sector == s].sum(axis=1) for s in range(paths.settings.sectors)], axis=1)[:, sector]
    return weights / np.where(total > 0.0, total, 1.0)


def sector_numbers(paths: Paths) -> np.ndarray:
    """Sector of each name, (N,): dealt in turn, so that each sector has large and small names."""
    return np.arange(len(paths.plan.names)) % paths.settings.sectors


def missing_lines(paths: Paths, block: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planted holes by smile: `QuoteStatus` of the index (T, K), the names (T, N, K) and the sector (T, K), uint8.

    NO_QUOTE = the whole smile is missing, BEYOND_DELTA = its wings are.
    """
    settings = paths.settings
    total, tenors = len(paths.plan.names), len(settings.tenors)
    here = range(*block.indices(len(paths.dates)))
    lines = np.zeros((len(here), total + 2, tenors), dtype=np.uint8)
    if settings.missing_rate > 0.0:
        rate = np.full((total + 2, 1), settings.missing_rate)
        rate[[0, -1]] *= INDEX_HOLES
        for row, session in enumerate(here):
            draw = date_stream(settings, MISSING, session).random((total + 2, tenors))
            lines[row][draw < rate] = QuoteStatus.BEYOND_DELTA
            lines[row][draw < 0.5 * rate] = QuoteStatus.NO_QUOTE
    return lines[:, 0], lines[:, 1:-1], lines[:, -1]


def quoted_surfaces(paths: Paths, fair: FairVariance, block: slice) -> QuotedSurfaces:
    """Build the surfaces of a block of dates."""
    settings = paths.settings
    dtype = np.dtype(settings.dtype)
    planted = planted_correlation(paths, fair, block)
    index_iv = index_surface(paths, fair, planted, paths.weights[block]).astype(dtype)
    index_missing, missing, leg_missing = missing_lines(paths, block)
    first = np.where(sector_numbers(paths) == 0, paths.weights[block], 0.0)
    leg_iv = index_surface(paths, fair, planted + settings.sector_premium, first).astype(dtype)
    leg_missing = np.where(np.isfinite(leg_iv[:, :, 0]), leg_missing, np.uint8(QuoteStatus.NO_QUOTE))
    lines = np.where(np.isfinite(fair.component), missing, np.uint8(QuoteStatus.NO_QUOTE))

    atm = np.where(lines == int(QuoteStatus.NO_QUOTE), np.nan, at_the_money(paths, fair))
    component_iv = np.empty((*atm.shape, len(settings.deltas)), dtype=dtype)
    np.multiply(atm[..., None], smiles(paths), out=component_iv, casting="same_kind")
    return QuotedSurfaces(
        index_iv=index_iv,
        component_iv=component_iv,
        index_status=_dig_holes(index_iv, index_missing, settings),
        component_status=_dig_holes(component_iv, lines, settings),
        planted=planted,
        missing=missing,
        index_missing=index_missing,
        leg_status=_dig_holes(leg_iv, leg_missing, settings)[:, None],
        leg_iv=leg_iv[:, None],
    )


def _dig_holes(iv, lines, settings) -> np.ndarray:
    """Set planted holes of the surfaces (..., D) to NaN in place and return their status."""
    status = np.zeros(iv.shape, dtype=np.uint8)
    deltas = np.array(settings.deltas)
    wings = (deltas <= WINGS[0]) | (deltas >= WINGS[1])
    for kind, cells in ((QuoteStatus.NO_QUOTE, np.ones(len(deltas), dtype=bool)), (QuoteStatus.BEYOND_DELTA, wings)):
        hit = np.nonzero(lines == kind)
        for d in np.flatnonzero(cells):
            iv[(*hit, d)] = np.nan
            status[(*hit, d)] = kind
    return status
