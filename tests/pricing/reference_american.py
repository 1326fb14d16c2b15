"""Slow obvious reference: one American option on a fine binomial tree, exercise looked at in every node."""

import numpy as np


def american_on_a_tree(spot, strike, vol, years, is_call, rate, carry, dividends=(), steps=2000):
    """American and European price; dividends are (time, amount), and the share is worth S* plus what they are worth."""

    def escrowed(now):
        return sum(paid * np.exp(-rate * (when - now)) for when, paid in dividends if now < when <= years)

    sign = 1.0 if is_call else -1.0
    step = years / steps
    up = np.exp(vol * np.sqrt(step))
    probability = (1.0 - 1.0 / up) / (up - 1.0 / up)  # of S* exp(-carry t), which has no drift
    discount = np.exp(-rate * step)
    start = spot - escrowed(0.0)

    def share(i):
        return start * up ** (2.0 * np.arange(i + 1) - i) * np.exp(carry * i * step) + escrowed(i * step)

    american = european = np.maximum(sign * (share(steps) - strike), 0.0)
    for i in range(steps - 1, -1, -1):
        american, european = (
            discount * (probability * value[1:] + (1.0 - probability) * value[:-1]) for value in (american, european)
        )
        american = np.maximum(american, sign * (share(i) - strike))
    return float(american[0]), float(european[0])
