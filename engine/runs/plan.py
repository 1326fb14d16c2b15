"""One job of a sweep, before it is run: what was asked of it, and the hash that recognises it afterwards."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """One job of a sweep, before it is run.

    Parameters
    ----------
    number : int
    overrides : list of str
        What was asked of it, as its `.hydra/overrides.yaml` says.
    choices : dict
        The choice taken in each config group.
    settings : dict
        Its resolved configuration. Jobs asked for the same in a group share the object of that group, so what is made
        of it can be made `Once`.
    config_hash : str
        See `engine.runs.manifest.config_hash`; empty until its market is known.
    """

    number: int
    overrides: list[str]
    choices: dict[str, Any]
    settings: dict[str, Any]
    config_hash: str = ""
