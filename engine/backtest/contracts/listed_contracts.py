"""Which listed contracts the legs of a block of cohorts hold, and what these were quoted at: on the host."""

import numpy as np

from engine.backtest.contracts.instruments import Pair
from engine.backtest.contracts.structure import Cohorts
from engine.data.contract_quotes import ContractQuotes
from engine.data.held_contracts import choose, follow_quotes
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import Kind


class Contracts:
    """The contract of every leg and instrument, chosen at entry.

    Parameters
    ----------
    panel : MarketPanel
    quotes : ContractQuotes
        Its own.
    cohorts : sequence (I,) of Cohorts
        Of each instrument: they differ in their expiries.
    name : array (C, L), int
        Position of each component leg on the panel's name axis.
    days : int
        H.
    instruments : sequence (I,) of pairs
    together : sequence (I,) of int
        Instruments of one number are struck alike.
    asked : array (C, 1 + L, I)
        Strikes that the structure asks for.
    forward : array (C, 1 + L)
        At entry.
    multiplier : float or None
        Shares of a contract where the market does not know it.
    at_open : bool
        Of the index those are held that settle in the morning, of expiries that list such.
    """

    def __init__(
        self,
        panel: MarketPanel,
        quotes: ContractQuotes,
        cohorts: list[Cohorts],
        name,
        days: int,
        instruments: list[Pair],
        together,
        asked,
        forward,
        multiplier: float | None,
        at_open: bool,
    ):
        legs = 1 + name.shape[1]
        index = np.full((len(name), 1), panel.info.index, dtype=object)
        self.quotes = quotes
        self.tickers = np.concatenate([index, panel.names.astype(object)[name]], axis=1)
        self.dates = panel.dates[cohorts[0].sessions(panel.dates, days)]
        self.expiry = np.stack([of.expiry for of in cohorts], axis=1)
        self.rights = np.array(
            [["PC"[pair[min(leg, 1)].kind == Kind.CALL] for pair in instruments] for leg in range(legs)]
        )
        entry = panel.dates[cohorts[0].entry]
        self.at_open = panel.info.index if at_open else None
        where = (entry, self.tickers, self.expiry, self.rights, asked, together, forward)
        found = choose(self.quotes, *where, self.at_open)
        self.strike, self.parity, self.multiplier = found.strike, found.parity, found.multiplier
        self.morning = found.morning
        self.traded = {"volume": found.volume, "oi": found.oi}
        chosen, known = np.isfinite(found.strike), np.isfinite(found.multiplier)
        if multiplier is not None:
            self.multiplier = np.where(chosen & ~known, multiplier, found.multiplier)
        elif chosen.any() and not known.any():
            raise InputError(
                f"marks=listed: {panel.info.name} does not say how many shares a contract is of; set "
                "marks.multiplier, 100 for options on US stocks"
            )
        self.lot = self.multiplier[:, :, 0]
        self.tradable = (self.multiplier == self.lot[:, :, None]).all(axis=2)  # in the same number of all

    def follow(self, i: int, strike, shares, wanted) -> tuple[np.ndarray, np.ndarray]:
        """Return price and half-spread of one instrument, (C, 1 + L, H + 1), in shares of the entry.

        Parameters
        ----------
        i : int
        strike, shares : array (C, 1 + L, H + 1)
            As it is on each day, and the factor since entry: what a split makes of a contract goes on as the same one.
        wanted : array (C, 1 + L, H + 1), bool
        """
        contract = (self.expiry[:, i], self.rights[:, i], self.morning[:, :, i], strike)
        found = follow_quotes(self.quotes, self.dates, self.tickers, *contract, wanted, self.at_open)
        return found[0] / shares, found[1] / shares
