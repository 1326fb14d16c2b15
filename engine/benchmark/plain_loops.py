"""Implied correlation and implied volatilities as careful loops in plain Python, to compare speeds with."""

import math

ROOT_HALF = math.sqrt(0.5)
ROOT_2_PI = math.sqrt(2.0 * math.pi)
STEPS = 60


def plain_correlation(index, members, weights, min_coverage: float = 0.8) -> list:
    """Implied correlation of lists of index vols [t][cell], member vols [t][cell][name] and weights [t][name].

    Returns
    -------
    list
        By date and cell: clean, dirty, variance ratio, coverage, names, status; as `implied_correlation` defines them.
    """
    records = []
    for index_today, members_today, weights_today in zip(index, members, weights, strict=True):
        total = sum(weights_today)
        row = []
        for own, quotes in zip(index_today, members_today, strict=True):
            vol = own_variance = variance = quoted = 0.0
            names = 0
            for w, s in zip(weights_today, quotes, strict=True):
                if s == s and w > 0.0:
                    ws = w * s
                    vol += ws
                    variance += ws * s
                    own_variance += ws * ws
                    quoted += w
                    names += 1
            s = own * quoted
            pairs = vol * vol - own_variance
            clean = (s * s - own_variance) / pairs if pairs > 0.0 else math.nan
            dirty = s * s / (vol * vol) if vol > 0.0 else math.nan
            ratio = s * s / (variance * quoted) if variance > 0.0 else math.nan
            coverage = quoted / total if total > 0.0 else 0.0
            if own != own:
                status = 5
            elif coverage < min_coverage:
                status = 4
            elif not pairs > 0.0:
                status = 3
            else:
                status = 1 if clean < -1.0 / max(names - 1, 1) else 2 if clean > 1.0 else 0
            row.append((clean, dirty, ratio, coverage, names, status))
        records.append(row)
    return records


def plain_implied_vol(options) -> list:
    """Volatilities of (price, forward, strike, years, is_call, rate) rows by Newton's method; NaN where there is none.

    Below the inflection of the normalised time value the steps are taken on its logarithm, above on the value itself.
    """
    vols = []
    for price, forward, strike, years, is_call, rate in options:
        intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
        value = (price * math.exp(rate * years) - intrinsic) / math.sqrt(forward * strike)
        x = -abs(math.log(forward / strike))
        up = math.exp(0.5 * x)
        if not 0.0 < value < up:
            vols.append(math.nan)
            continue
        s = math.sqrt(-2.0 * x) or 1e-3
        logarithmic = value < _time_value(x, s, up)
        for _ in range(STEPS):
            found = _time_value(x, s, up)
            slope = math.exp(-0.5 * ((x / s) ** 2 + 0.25 * s * s)) / ROOT_2_PI
            if not (found > 0.0 and slope > 0.0):
                s *= 2.0  # s is so small that value or slope is zero in double precision
                continue
            step = math.log(value / found) * found / slope if logarithmic else (value - found) / slope
            s = max(s + step, 0.5 * s)
            if abs(step) < 1e-11 * s:
                break
        vols.append(s / math.sqrt(years))
    return vols


def _time_value(x, s, up):
    """b(s) = exp(x/2) N(x/s + s/2) - exp(-x/2) N(x/s - s/2)."""
    h, t = x / s, 0.5 * s
    return 0.5 * (up * math.erfc(-(h + t) * ROOT_HALF) - math.erfc(-(h - t) * ROOT_HALF) / up)
