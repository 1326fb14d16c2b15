"""The words of the pages, each with one sentence: shown on hover, on a tap, and at the end of a page."""

import re
from html import escape

from markupsafe import Markup

WORDS = {
    "gross P&L": "What the positions earned before any cost of trading.",
    "net P&L": "Gross P&L less the costs of trading.",
    "cost": "Half-spreads of the options traded, and what trading the hedges and taking delivery costs.",
    "break-even": "One-way option cost, in vol points per unit of index vega traded, at which net P&L is zero.",
    "unit index vega": "1 of currency per vol point of the index; P&L over it reads in vol points.",
    "vol points": "One hundredth of annualised volatility: from 20 % to 21 % is one vol point.",
    "vol pt": "Vol point, one hundredth of annualised volatility: from 20 % to 21 % is one.",
    "Sharpe": "Mean daily P&L over its sample deviation, times the square root of 252.",
    "Sortino": "Mean daily P&L over the root mean square of its losses, times the square root of 252.",
    "Calmar": "Mean P&L a year over the worst drawdown.",
    "gains over losses": "Sum of all that was gained over the sum of all that was lost (profit factor).",
    "best over worst 5 %": "95th percentile of daily P&L over the 5th: above 1 good days are larger than bad ones.",
    "payoff ratio": "Mean gain over mean loss.",
    "expectancy": "Mean net P&L of a cohort.",
    "HAC t": "t-statistic of mean daily net P&L, robust to cohorts that overlap; below 2 it is not told from zero.",
    "HAC": "Robust to heteroskedasticity and to the autocorrelation that overlapping cohorts make (Newey-West).",
    "t apart": "HAC t of the mean in the last of the regimes less that in the first.",
    "drawdown": "Fall of cumulative net P&L below its highest point so far.",
    "depth": "How far cumulative net P&L fell below its last high.",
    "peak": "Date of the high before the fall.",
    "trough": "Date of the lowest point.",
    "recovered": "First date back at the old high; blank where it has not come yet.",
    "capital": "A convention, not a margin model: 100 vol points of loss on all index vega ever held at once.",
    "cohorts": "A cohort is all legs entered on one date, held together to expiry.",
    "cohort": "All legs entered on one date, held together to expiry.",
    "leg": "What a cohort holds of the index, or of one name.",
    "class": "Index, or component: a member of the basket.",
    "members": "The names of the basket; the trade is long their options.",
    "exposure": "What a cohort was entered with: +1 is fully short correlation, -1 the reverse.",
    "entry date": "Session at whose close the cohort was entered.",
    "expiry": "When the options of the cohort expire.",
    "quantity": "Units held, in shares as at entry; below zero is short.",
    "strike": "Strike resolved once, at the close of entry, in prices of that day.",
    "entry IV": "Implied volatility at entry, annualised decimals.",
    "entry vega": "P&L per vol point at entry, in currency.",
    "premium": "Value at entry, in currency; below zero was received.",
    "financing": "Interest on premium and hedges.",
    "hedge": "What the delta hedge earned.",
    "options": "What the options alone earned.",
    "theta": "P&L of the passing of time, per calendar day.",
    "gamma": "P&L from moves of the underlying beyond the delta; as a greek, change of delta per 1 %.",
    "vega": "P&L from moves of implied volatility; as a greek, currency per vol point.",
    "vanna": "Change of vega per 1 % of the forward.",
    "volga": "Change of vega per vol point.",
    "vanna + volga": "P&L from volatility and spot moving together, and from large moves of volatility.",
    "settlement": "What index options pay at their expiry's opening less the close; early exercise beyond the mark.",
    "unexplained": "What date, spot and volatility leave: changes of the interest rate, and names settled early.",
    "correlation part": "P&L of the index leg because members moved together more or less than implied.",
    "volatility part": "P&L had correlation stayed as implied: of volatility and time, of the members and the index.",
    "term roll": "Volatility read a day further down the term structure of the close before, at the same moneyness.",
    "skew": "Volatility read at the new moneyness on the smile of the close before: moves of the forward along it.",
    "cross term": "What volatilities and correlation earned by changing together.",
    "index minus basket": "P&L because the index moved otherwise than the names that are held.",
    "implied correlation": "Average correlation between the members that index and member options imply (Cboe's COR).",
    "realised": "Measured on past returns of the same names and weights.",
    "correlation risk premium": "Implied correlation less what was realised over as many sessions.",
    "stale marks": "Marks of a day on which the leg had no quote of its own.",
    "beyond the tenors": "Marks whose time left the surface does not reach: extrapolated.",
    "beyond the deltas": "Marks whose strike the surface does not reach, though the time left: extrapolated.",
    "coverage": "Share of the basket's weight held by names that are quoted.",
    "events": "What happened to the contracts held: actions, halts, exercise and assignment, each with its date.",
    "settled early": "Ended before expiry by a merger or delisting.",
    "deflated Sharpe": "Probability that the true Sharpe ratio is above the best that as many trials show by luck.",
    "PBO": "Probability that what was best in one half of the sessions is below the median in the other half.",
    "StepM": "Test of all runs at once (Romano and Wolf): those named earn something at 5 %.",
    "superior predictive ability": "Hansen's test that no run earns anything.",
    "independent trials": "How many unrelated trials the runs amount to, given how alike they are.",
    "unsettled": "Open when the data end, or lost in a hole of them: valued at the last mark, its exit not paid for.",
    "tenor": "Calendar days to expiry.",
    "delta": "Call delta x 100; 50 is near the forward, 90 the 10-delta put.",
    "dates ok": "Dates whose value could be computed and trusted.",
}
_PATTERN = re.compile(
    r"(?<![\w.])("
    + "|".join(re.escape(escape(w, quote=False)) for w in sorted(WORDS, key=len, reverse=True))
    + r")(?![\w.])",
    re.IGNORECASE,
)
_SAID = {escape(word, quote=False).lower(): said for word, said in WORDS.items()}


def explained(text: str) -> Markup:
    """Return a label, escaped, with its first word of the glossary explained.

    Examples
    --------
    >>> explained("Net P&L <b>")
    Markup('<abbr title="Gross P&amp;L less the costs of trading.">Net P&amp;L</abbr> &lt;b&gt;')
    """

    def mark(found: re.Match) -> str:
        return f'<abbr title="{escape(_SAID[found.group(1).lower()])}">{found.group(1)}</abbr>'

    return Markup(_PATTERN.sub(mark, escape(str(text), quote=False), count=1))


def meaning(word: str) -> str:
    """Return what a word means; "" where the glossary has it not."""
    return _SAID.get(escape(word, quote=False).lower(), "")
