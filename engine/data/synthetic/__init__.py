"""A seeded market with known correlation, known premia and planted events: made to check the engine with."""

from engine.data.synthetic.chains import chains
from engine.data.synthetic.events import Event
from engine.data.synthetic.market import synthetic_market
from engine.data.synthetic.settings import SyntheticMarket
from engine.data.synthetic.truth import Truth, load_truth

__all__ = ["Event", "SyntheticMarket", "Truth", "chains", "load_truth", "synthetic_market"]
