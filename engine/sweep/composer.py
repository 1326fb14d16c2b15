"""Composing the jobs of a sweep: Hydra once per set of group choices, plain values put into copies of that."""

import re
from dataclasses import dataclass, replace

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict

from engine.runs.plan import Plan


@dataclass(frozen=True)
class _Override:
    """What is asked by one word of a command: a plain value, a choice of a group, or something else."""

    text: str
    key: str
    value: object
    plain: bool
    chooses: bool


@dataclass(frozen=True)
class _Base:
    """What Hydra composed: `settings` is None where no value may be changed alone; others repeat the `referred`."""

    config: DictConfig
    settings: dict | None
    referred: frozenset
    choices: dict

    @classmethod
    def of(cls, config: DictConfig) -> "_Base":
        referred = _references(OmegaConf.to_container(_task(config), resolve=False))
        settings = None if referred is None else resolved_task(config)
        choices = OmegaConf.to_container(config.hydra.runtime.choices)
        return cls(config, settings, referred or frozenset(), choices)


class SweepComposer:
    """Stands in for Hydra's config loader in a sweep, so that thousands of jobs cost a few compositions.

    An override is *plain* when it sets a number, a text, true, false or null: those change one value of a
    configuration that all others decide. What they cannot change that simply (a key that is not there, a value that
    others refer to) is left to Hydra, whose errors are therefore the ones the user sees.

    Parameters
    ----------
    loader : hydra.core.config_loader.ConfigLoader
    master : DictConfig
        Configuration of the sweep as a whole.
    """

    def __init__(self, loader, master: DictConfig):
        self.loader, self.master = loader, master
        self._groups = set(master.hydra.runtime.choices)
        self._parser = OverridesParser.create()
        self._known, self._bases = {}, {}

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def load_sweep_config(self, master_config, sweep_overrides) -> DictConfig:
        """Check a job the way Hydra does; what comes back lacks its plain values, which no sweeper looks at."""
        return self._composed(sweep_overrides)[0].config

    def whole(self, number: int, overrides) -> DictConfig:
        """Compose a job by Hydra itself, all of it."""
        job = self.loader.load_sweep_config(self.master, list(overrides))
        with open_dict(job):
            job.hydra.job.id = number
            job.hydra.job.num = number
        return job

    def plan(self, number: int, overrides) -> Plan:
        """Compose a job as far as running it needs.

        Raises
        ------
        HydraException, OmegaConfBaseException
            As Hydra does when it composes and resolves the job.
        """
        base, values = self._composed(overrides)
        asked = [text for text in overrides if not text.startswith(("hydra.", "hydra/"))]
        settings = base.settings or resolved_task(base.config)
        for key, value in values.items():
            settings = _with(settings, key.split("."), value)
        return Plan(number, asked, base.choices, settings)

    def _composed(self, overrides) -> tuple["_Base", dict]:
        """Composition of a job without its plain values, and those; Hydra did it all where none are left."""
        read = [self._read(text) for text in overrides]
        base = self._base(tuple(one.text for one in read if not one.plain))
        if base.referred.intersection(one.key for one in read):  # those must be there when others repeat them
            read = [replace(one, plain=one.plain and one.key not in base.referred) for one in read]
            base = self._base(tuple(one.text for one in read if not one.plain))
        values = {one.key: one.value for one in read if one.plain}
        written = {one.key for one in read if not one.plain and not one.chooses}
        if base.settings is not None and all(_is_leaf(base.settings, k) and not _under(k, written) for k in values):
            return base, values
        return _Base.of(self.loader.load_sweep_config(self.master, list(overrides))), {}

    def _base(self, others: tuple) -> "_Base":
        if others not in self._bases:
            self._bases[others] = _Base.of(self.loader.load_sweep_config(self.master, list(others)))
        return self._bases[others]

    def _read(self, text: str) -> "_Override":
        if text not in self._known:
            (override,) = self._parser.parse_overrides([text])
            key, value = override.key_or_group, override.value()
            plain = (
                override.type == OverrideType.CHANGE
                and override.package is None
                and key not in self._groups
                and not override.is_hydra_override()
                and (value is None or isinstance(value, int | float | str))
                and _references(value) == frozenset()
            )
            chooses = key in self._groups and not isinstance(value, dict)
            self._known[text] = _Override(text, key, value, plain, chooses)
        return self._known[text]


def resolved_task(config: DictConfig) -> dict:
    """Return the part of a job's configuration that is ours, as plain dictionaries with every value present."""
    return OmegaConf.to_container(_task(config), resolve=True, throw_on_missing=True)


def _task(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])


def _references(node) -> frozenset | None:
    """Keys that values refer to; None where one is still to be given, or refers in a way only Hydra can follow."""
    if isinstance(node, dict | list):
        found = [_references(value) for value in (node.values() if isinstance(node, dict) else node)]
        return None if None in found else frozenset().union(*found)
    if not isinstance(node, str):
        return frozenset()
    simple = re.compile(r"\$\{(\w[\w.]*)\}")
    return None if node == "???" or "${" in simple.sub("", node) else frozenset(simple.findall(node))


def _is_leaf(settings: dict, key: str) -> bool:
    node = settings
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return not isinstance(node, dict | list)


def _under(key: str, written: set) -> bool:
    """Tell whether a key lies in a part of the configuration that another override writes."""
    return any(key == other or key.startswith(f"{other}.") for other in written)


def _with(node: dict, path: list, value) -> dict:
    first, *rest = path
    return {**node, first: _with(node[first], rest, value) if rest else value}
