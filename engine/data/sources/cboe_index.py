"""Index histories of Cboe, `VIX_History.csv`: series to measure against, not options."""

from engine.data.vendors.fields import day, number, of_name
from engine.data.vendors.layout import Layout, Vendor, View
from engine.data.vendors.sight import SLASHED, YMD

_TICKER = of_name(r"(?:^|/)\^?([A-Z0-9]+)(?:_History)?\.csv")
_WHEN = day("date", forms=(SLASHED, YMD))
_NOTE = "published levels, in points; until 2022 those of COR1M and the like were calculated afterwards"


def _closes(column: str) -> View:
    return View("prices", {"date": _WHEN, "ticker": _TICKER, "close": number(column)})


VENDOR = Vendor(
    "cboe_index",
    "Cboe index history",
    (
        Layout(
            "cboe_index",
            "daily levels",
            ("date", "open", "high", "low", "close"),
            (_closes("close"),),
            exactly=True,
            note=_NOTE,
        ),
        *(
            Layout(
                f"cboe_index_{name}",
                f"daily levels of {name.upper()}",
                ("date", name),
                (_closes(name),),
                exactly=True,
                file=r"_History",
                note=_NOTE,
            )
            for name in ("skew", "vvix", "vxo", "cor1m", "cor3m", "bxm", "put", "vxth", "smile", "dspx", "vixeq")
        ),
        Layout(
            "cboe_index_dump",
            "daily levels, Refinitiv names",
            ("date", "trdprc_1"),
            (_closes("trdprc_1"),),
            exactly=True,
            note=_NOTE,
        ),
    ),
)
