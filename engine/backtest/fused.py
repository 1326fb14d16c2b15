from engine.backtest.legs import Legs


class FusedLegs(Legs):
    """placeholder"""
