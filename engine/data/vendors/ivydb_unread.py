"""Files of IvyDB, and of CRSP and Compustat beside it, that are recognised, and what makes them superfluous."""

from engine.data.vendors.layout import MEDIUM, Layout

UNREAD = (
    Layout(
        "om_hvol",
        "historical volatilities (hvold)",
        ("secid", "date", "days", "volatility"),
        note="realised volatility is computed from the closes of secprd, over the window that a tenor asks for",
    ),
    Layout(
        "om_borrow",
        "rates of borrowing (borrate)",
        ("secid", "date", "expiration", "days"),
        one_of=(("borrow_rate", "borrowrate", "borrow"),),
        sure=MEDIUM,
        note="the forwards that calls and puts imply, or those of fwdprd, hold what borrowing costs",
    ),
    Layout(
        "om_distrproj",
        "projected dividends (distrprojd)",
        ("secid", "date", "exdate", "amount"),
        note="the forwards that calls and puts imply, or those of fwdprd, hold the dividends that are expected",
    ),
    Layout(
        "om_opvol",
        "volume of options by security (opvold)",
        ("secid", "date", "cp_flag", "volume", "open_interest"),
        exactly=True,
        sure=MEDIUM,
        note="sums over contracts; those of each contract are in opprcd",
    ),
    Layout(
        "crsp_dsf",
        "daily stock file (CRSP)",
        ("permno", "shrout"),
        one_of=(("date", "dlycaldt"), ("prc", "dlyprc")),
        note="secprd has the same closes and shares under the keys of the options; weights are made of these",
    ),
    Layout(
        "comp_members",
        "members of indices by gvkey (Compustat)",
        ("gvkey", "iid", "gvkeyx", "from", "thru"),
        note="nothing here links a gvkey to options; write ticker, since and until of its spells to a file, "
        "market.weights=FILE",
    ),
)
