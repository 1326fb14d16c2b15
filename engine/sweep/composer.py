"""Composing the jobs of a sweep: Hydra composes each set of group choices once; plain values go into copies of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf

from engine.command.hydra import plain, resolved
from engine.runs.plan import Plan


@dataclass(frozen=True)
class _Override:
    """One word of a command, such as `strategy.enter=1`, and what it does.

    `plain`: it sets one value; `chooses`: it takes a choice of a group; neither: something only Hydra can do.
    """

    text: str
    key: str
    value: Any
    plain: bool
    chooses: bool


@dataclass(frozen=True)
class _Base:
    """What Hydra composed for a set of group choices.

    Parameters
    ----------
    config : DictConfig
    settings : dict or None
        The configuration resolved; None where a value is still missing or refers to others in a way only Hydra can
        follow, so that no single value may be replaced.
    referred : frozenset of str
        Keys that other values refer to by `${key}`. To replace one of them, Hydra must compose again.
    choices : dict
        The choice taken in each group.
    written : frozenset of str
        Keys that overrides wrote which only Hydra can follow.
    """

    config: DictConfig
    settings: dict | None
    referred: frozenset
    choices: dict
    written: frozenset
    _takes: dict[str, bool] = field(default_factory=dict)
    _parts: dict[tuple, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: DictConfig, written: frozenset = frozenset()) -> "_Base":
        referred = _references(plain(_task(config)))
        settings = None if referred is None else resolved_task(config)
        choices = plain(config.hydra.runtime.choices)
        return cls(config, settings, referred or frozenset(), choices, written)

    def takes(self, key: str) -> bool:
        """Tell whether a value at a key can be replaced without Hydra."""
        if key not in self._takes:
            known = self.settings is not None and _is_leaf(self.settings, key)
            self._takes[key] = known and not any(key == one or key.startswith(f"{one}.") for one in self.written)
        return self._takes[key]

    def with_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the settings with values replaced; whoever asks for the same part of them is given the same object."""
        settings = dict(self.settings or resolved_task(self.config))
        groups: dict[str, list] = {}
        for key in values:
            groups.setdefault(key.partition(".")[0], []).append(key)
        for group, keys in groups.items():
            asked = tuple((key, repr(values[key])) for key in keys)  # by text: 1 equals True, and 0.0 equals -0.0
            if asked not in self._parts:
                node = settings
                for key in keys:
                    node = _with(node, key.split("."), values[key])
                self._parts[asked] = node[group]
            settings[group] = self._parts[asked]
        return settings


class SweepComposer:
    """Stands in for Hydra's config loader in a sweep, so that thousands of jobs cost a few compositions.

    An override is *plain* when it sets a number, a text, true, false or null: those change one value of a
    configuration whose shape the other overrides have fixed. Where that is not so simple (a key that is not there, a
    value that others refer to), Hydra composes the job itself, so the errors a user sees are Hydra's own.

    Parameters
    ----------
    loader : hydra.core.config_loader.ConfigLoader
    master : DictConfig
        Configuration of the sweep as a whole.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig):
        self.loader, self.master = loader, master
        self._groups = set(master.hydra.runtime.choices)
        self._parser = OverridesParser.create()
        self._known, self._bases, self._texts = {}, {}, {}

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Check a job as Hydra does, and return its configuration without its plain values: no sweeper reads those."""
        return self._composed(sweep_overrides)[0].config

    def asked(self, number: int, overrides: Sequence[str], folder: Path) -> dict[str, str]:
        """Return the files of `.hydra/` of a job, name to text, as Hydra's own composition of all of it has them.

        Parameters
        ----------
        number : int
        overrides : sequence of str
        folder : Path
            Of the job.
        """
        base, values = self._composed(overrides)
        config = plain(base.config)
        hydra = config.pop("hydra")
        for key, value in values.items():
            config = _with(config, key.split("."), value)
        job, task = hydra["job"], [text for text in overrides if not text.startswith(("hydra.", "hydra/"))]
        excluded = job["config"]["override_dirname"]
        dirname = get_overrides_dirname(
            overrides=self._parser.parse_overrides(task),
            kv_sep=excluded["kv_sep"],
            item_sep=excluded["item_sep"],
            exclude_keys=excluded["exclude_keys"],
        )
        hydra |= {
            "job": job | {"id": str(number), "num": number, "override_dirname": dirname},
            "overrides": hydra["overrides"] | {"task": task},
            "runtime": hydra["runtime"] | {"output_dir": str(folder.absolute())},
        }
        texts = {
            "config": self._text(config),
            "hydra": f"hydra:\n{self._text(hydra, 'hydra')}",
            "overrides": OmegaConf.to_yaml(task),
        }
        return {f"{name}.yaml": text for name, text in texts.items()}

    def _text(self, node: dict, *under: str) -> str:
        """Return the lines of a node as YAML, of the parts that most jobs have in common written once.

        Parameters
        ----------
        *under : str
            Keys that the node stands under: long lines are broken by how far they are indented.
        """
        parts = []
        for key, value in node.items():
            if len(under) == 1 and isinstance(value, dict) and value:
                parts.append(f"  {key}:\n{self._text(value, *under, key)}")
                continue
            known = (under, key, repr(value))
            if known not in self._texts:
                whole = {key: value}
                for above in reversed(under):
                    whole = {above: whole}
                lines = OmegaConf.to_yaml(whole).splitlines(keepends=True)
                self._texts[known] = "".join(lines[len(under) :])
            parts.append(self._texts[known])
        return "".join(parts)

    def plan(self, number: int, overrides: Sequence[str]) -> Plan:
        """Compose a job as far as running it needs.

        Raises
        ------
        HydraException, OmegaConfBaseException
            As Hydra does when it composes and resolves the job.
        """
        base, values = self._composed(overrides)
        asked = [text for text in overrides if not text.startswith(("hydra.", "hydra/"))]
        return Plan(number, asked, base.choices, base.with_values(values))

    def _composed(self, overrides: Sequence[str]) -> tuple["_Base", dict]:
        """Return what Hydra composed for a job, and the plain values to put into it (none where Hydra did it all)."""
        read = [self._read(text) for text in overrides]
        base = self._base(tuple(one for one in read if not one.plain))
        if base.referred.intersection(one.key for one in read):  # Hydra must know their value when it resolves others
            read = [replace(one, plain=one.plain and one.key not in base.referred) for one in read]
            base = self._base(tuple(one for one in read if not one.plain))
        values = {one.key: one.value for one in read if one.plain}
        if base.settings is not None and all(map(base.takes, values)):
            return base, values
        return _Base.of(self.loader.load_sweep_config(self.master, list(overrides))), {}

    def _base(self, others: tuple["_Override", ...]) -> "_Base":
        texts = tuple(one.text for one in others)
        if texts not in self._bases:
            written = frozenset(one.key for one in others if not one.chooses)
            self._bases[texts] = _Base.of(self.loader.load_sweep_config(self.master, list(texts)), written)
        return self._bases[texts]

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
    return resolved(_task(config))


def _task(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _references(node) -> frozenset | None:
    """Return the keys that values refer to; None where a value is missing or refers in a way only Hydra can follow."""
    if isinstance(node, dict | list):
        found = [_references(value) for value in (node.values() if isinstance(node, dict) else node)]
        known = [keys for keys in found if keys is not None]
        return frozenset().union(*known) if len(known) == len(found) else None
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


def _with(node: dict, path: list, value) -> dict:
    first, *rest = path
    return {**node, first: _with(node[first], rest, value) if rest else value}
