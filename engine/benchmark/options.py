"""What is timed on single options: implied volatilities of prices, and price and greeks to compare them with."""

from dataclasses import fields
from functools import partial

from engine.backend import block_budget, blocks, namespace, to_host
from engine.benchmark.inputs import Options
from engine.benchmark.plain_loops import plain_implied_vol
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import INVERSION, PRICE_AND_GREEKS, VOLS_LOOP, Work
from engine.pricing import implied_vol, straddle

STRADDLE_BYTES = 200  # temporaries per option while its greeks are computed


def inversion(options: Options, sizes: Sizes) -> Work:
    """Implied volatilities of all options."""
    given = (options.price, options.forward, options.strike, options.years, options.is_call, options.rate)
    read = sum(array.nbytes for array in given)
    size = f"{len(options.price):,} options, wings to 5 sd"
    count = len(options.price)
    return Work(size, partial(implied_vol, *given), count, read, count * INVERSION, {VOLS_LOOP: count})


def price_and_greeks(options: Options, sizes: Sizes) -> Work:
    """Value and six greeks of a straddle for each option, in blocks that stay in the cache."""
    given = (options.forward, options.strike, options.iv, options.years, options.rate)
    count = len(options.price)
    budget = block_budget(namespace(*given))

    def run():
        for part in blocks(count, STRADDLE_BYTES, budget):
            straddle(*(array[part] for array in given))

    return Work(f"{count:,} straddles", run, count, sum(a.nbytes for a in given), count * PRICE_AND_GREEKS)


def inversion_loop(options: Options, sizes: Sizes) -> Work:
    """Implied volatilities of a few of the same options in plain Python, one by one."""
    count = min(sizes.loop_options, len(options.price))
    columns = [to_host(getattr(options, f.name)[:count]).tolist() for f in fields(Options) if f.name != "iv"]
    rows = list(zip(*columns, strict=True))
    return Work(f"{count:,} options", partial(plain_implied_vol, rows), count, 41 * count, count * INVERSION)
