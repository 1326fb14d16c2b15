"""The synthetic market as a source: built by blocks of dates, with its truth beside the panel."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import polars as pl

from engine.data.fingerprint import fingerprint
from engine.data.panel import MarketPanel
from engine.data.records import QuoteStatus
from engine.data.source import Source
from engine.data.synthetic.market import build, truth_of
from engine.data.synthetic.paths import draw_paths
from engine.data.synthetic.settings import SyntheticMarket
from engine.data.synthetic.truth import as_arrays


@dataclass(frozen=True)
class Synthetic(SyntheticMarket, Source):
    """A `SyntheticMarket` as a source; its settings are the same."""

    _built: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the settings and the code."""
        return fingerprint(self)

    def sessions(self) -> int:
        """Return the number of sessions the blocks will hold."""
        return len(self._paths().dates)

    def blocks(self) -> Iterator[MarketPanel]:
        """Build the panel block by block, and gather its truth and the counts of planted holes."""
        paths = self._paths()
        truth, counts = {}, []
        for block, panel, part in build(paths):
            for name, values in part.items():
                whole = truth.setdefault(name, np.empty((len(paths.dates), *values.shape[1:]), values.dtype))
                whole[block] = values
            counts.append(_counts(paths, panel, block))
            yield panel
        self._built["truth"] = as_arrays(truth_of(paths, truth))
        self._built["quality"] = pl.concat(counts).group_by("asset", "reason").agg(pl.col("rows").sum())

    def quality(self) -> pl.DataFrame:
        """Count the cells of the surfaces by asset and reason: kept, planted as missing, or the name does not trade."""
        return self._built["quality"].sort("asset", "reason")

    def truth(self) -> dict[str, np.ndarray]:
        """Return the fields of `Truth` as arrays."""
        return self._built["truth"]

    def _paths(self):
        if "paths" not in self._built:
            settings = {f.name: getattr(self, f.name) for f in fields(SyntheticMarket)}
            self._built["paths"] = draw_paths(SyntheticMarket(**settings))
        return self._built["paths"]


REASONS = {
    QuoteStatus.OK: "kept",
    QuoteStatus.NO_QUOTE: "planted_missing_smile",
    QuoteStatus.BEYOND_DELTA: "planted_missing_wing",
}


def _counts(paths, panel: MarketPanel, block: slice) -> pl.DataFrame:
    trades = paths.plan.trading[block] & ~paths.plan.ceases[block]
    cells = panel.component_status[0, 0].size
    counts = [(name, "not_trading", int(n) * cells) for name, n in zip(panel.names, (~trades).sum(axis=0), strict=True)]
    for status, reason in REASONS.items():
        counts.append((panel.info.index, reason, int((panel.index_status == status).sum())))
        hit = (panel.component_status == status).sum(axis=(2, 3)) * trades
        counts += [(name, reason, int(n)) for name, n in zip(panel.names, hit.sum(axis=0), strict=True)]
    rows = [(str(name), reason, n) for name, reason, n in counts if n]
    schema = {"asset": pl.String, "reason": pl.String, "rows": pl.UInt32}
    return pl.DataFrame(rows, schema=schema, orient="row")
