"""Which month a vendor's file is of, as far as its name tells."""

import re

_MONTH = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_]?(0[1-9]|1[0-2])(?:[-_]?(?:0[1-9]|[12]\d|3[01]))?(?!\d)")
_INDIAN = re.compile(r"\d{2}(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)((?:19|20)\d{2})", re.I)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def month_of(name: str) -> str:
    """Return the month that a file's name tells, "" where it tells none.

    Examples
    --------
    >>> month_of("ORATS_SMV_Strikes_20190116.csv"), month_of("fo02JAN2018bhav.csv"), month_of("secnmd.csv")
    ('2019-01', '2018-01', '')
    """
    if indian := _INDIAN.search(name):
        return f"{indian[2]}-{_MONTHS.index(indian[1].upper()) + 1:02}"
    plain = _MONTH.search(name)
    return f"{plain[1]}-{plain[2]}" if plain else ""
