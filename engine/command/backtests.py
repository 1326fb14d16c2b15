"""From configuration to what a backtest takes beside the market, object by object."""

from engine.command.objects import build
from engine.errors import InputError

# The groups whose objects a backtest takes under the same name.
GROUPS = (
    "strategy",
    "basket",
    "structure",
    "sizing",
    "scale",
    "limits",
    "schedule",
    "exits",
    "hedge",
    "costs",
    "marks",
)


def backtest_objects(config: dict, build=build) -> dict:
    """Return what `backtest` takes beside the market, by name: the object of each group, `lag` and `risk_free`.

    Parameters
    ----------
    config : dict
        Resolved configuration.
    build : callable
        Makes an object of a node, its key and the packages that are allowed; as `engine.command.objects.build`.

    Raises
    ------
    InputError
        When a setting does not exist or is of the wrong kind.
    """
    lag = config["lag"]
    made = {name: build(config[name], name, config.get("allow")) for name in GROUPS}
    if not isinstance(lag, int) or isinstance(lag, bool):
        raise InputError(f"lag={lag} is not a whole number of sessions")
    rate = config["risk_free"]
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise InputError(f"risk_free={rate} is not a rate a year in decimals; write risk_free=0.03 for 3 %")
    return made | {"lag": lag, "risk_free": float(rate)}
