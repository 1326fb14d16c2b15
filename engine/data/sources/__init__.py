"""Where markets come from: one file per vendor or exchange format, named in the table below.

A source is a frozen dataclass whose fields are its settings. It offers

    fingerprint() -> str              hash of everything the panel depends on: files, settings, version of the reader
    blocks() -> Iterator[MarketPanel] consecutive blocks of dates on the same axes
    sessions() -> int                 how many sessions the blocks will hold, for the progress bar
    quality() -> polars frame or None after the blocks: every quote dropped, by reason
    truth() -> dict of arrays or None after the blocks: what a synthetic market was made from

One that reads files has a field `path`, and `start` and `end`: its blocks from `start` are the end of the whole, bit
for bit, which is what lets a panel be extended.
"""

SOURCES = {
    "synthetic": "engine.data.sources.synthetic:Synthetic",
    "us_chains": "engine.data.sources.us_chains:UsChains",
    "nse": "engine.data.sources.nse:Nse",
}
