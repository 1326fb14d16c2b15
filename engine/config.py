"""From the configuration to objects, and from a user's mistake to one clear message (exit code 2, no traceback)."""

import difflib
import functools
import os
import re
import shutil
import sys
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from engine.errors import InputError

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
USER_ERROR = 2  # exit code

# Launchers that other packages bring, and the extra of this one that installs them.
LAUNCHER_EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm"}

_NUMBERS = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def launch(task, config_name: str) -> None:
    """Run `task(config, folder)` as a Hydra command; mistakes of the user end it with a message and exit code 2.

    A run that fails by such a mistake leaves no folder behind. With HYDRA_FULL_ERROR=1 in the environment the
    traceback is shown instead.
    """
    import hydra
    from omegaconf.errors import OmegaConfBaseException

    @functools.wraps(task)
    def job(config):
        folder = job_folder()
        try:
            return task(resolved(config), folder)
        except (InputError, OmegaConfBaseException, KeyboardInterrupt) as error:
            _remove(folder)
            if not in_sweep() and isinstance(error, Exception):
                give_up(explained(error, config_name))
            raise  # in a sweep Hydra names the job first

    command = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(job)
    if os.environ.get("HYDRA_FULL_ERROR"):
        command()
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise what it would print and turn into exit code 1
    try:
        command()
    except BrokenPipeError:  # the reader, `| head` say, has seen enough; the run itself is complete
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        message = explained(error, config_name)
        _tidy_sweep()
        if message is None:
            raise
        give_up(message)


def give_up(message: str) -> NoReturn:
    """End the command with a message for the user."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(USER_ERROR)


def _remove(folder: Path) -> None:
    """Remove a run folder, and those of its time and study when nothing else is left there."""
    shutil.rmtree(folder)
    for above in list(folder.parents)[:2]:
        if any(above.iterdir()):
            return
        above.rmdir()


def _tidy_sweep() -> None:
    """After a sweep that broke: compare the runs that finished, or remove the sweep's folder where none did."""
    multirun = sys.modules.get("engine.multirun")
    if multirun is not None:
        multirun.CompareRuns.conclude()


def build(node, where: str = "", **given):
    """Make the object a piece of configuration describes: `_target_` names the class, the other keys its fields.

    Parameters
    ----------
    node : mapping with `_target_`, resolved
    where : str
        Key of the node in the configuration, for messages.

    Raises
    ------
    InputError
        For a class that does not exist, a field it does not have (with a suggestion), and a value of the wrong kind.

    Examples
    --------
    >>> build({"_target_": "engine.correlation.TopWeights", "n": 20})
    TopWeights(n=20)
    """
    settings = {key: value for key, value in node.items() if key != "_target_"}
    made = _target(node.get("_target_"), where)
    if is_dataclass(made):
        settings = {key: _checked(made, key, value, where) for key, value in settings.items()}
    return made(**settings, **given)


def _target(path, where: str):
    module, _, name = str(path).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{where}._target_={path} cannot be imported: {error}") from error


def _checked(made, key: str, value, where: str):
    """Return the value as the field wants it, or say what is wrong with it."""
    known = {f.name: f for f in fields(made) if f.init}
    if key not in known:
        raise InputError(f"{where} has no setting {key}; {suggestion(key, known, 'it has')}")
    wanted = known[key].type
    wanted = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", str(wanted))
    wanted = "tuple" if wanted.startswith("tuple") or isinstance(known[key].default, tuple) else wanted
    if wanted == "tuple":
        if not isinstance(value, list | tuple):
            raise InputError(f"{where}.{key}={value} is not a list; write '{where}.{key}=[{value}]'")
        return tuple(value)
    kinds = _NUMBERS.get(wanted)
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        if value is None and known[key].default is not MISSING and known[key].default is None:
            return value
        expected = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[wanted]
        raise InputError(f"{where}.{key}={value} is not {expected}")
    return float(value) if wanted == "float" else value


def load(config, progress: bool = True):
    """Load the market of a configuration, cut to its dates, on its backend.

    Returns
    -------
    MarketPanel, str
        The panel and the backend it is on.

    Raises
    ------
    InputError
        When the backend, its budget, the market or its files are not usable, or no session lies in the range of dates.
    """
    from engine.backend import check_memory_budget, resolve

    backend = resolve(str(config["backend"]))  # before hours are spent on building a panel
    memory_budget = config.get("memory_budget")
    check_memory_budget(memory_budget)
    dates = {key: _date(config, key) for key in ("start", "end")}
    name, settings = _market(config)
    panel = _target(config["market"]["_target_"], "market")(name, **settings, **dates, progress=progress)
    return (panel.to(backend, memory_budget) if backend == "cupy" else panel), backend


def in_sweep() -> bool:
    """Whether this run is one job of many."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    return HydraConfig.get().mode == RunMode.MULTIRUN


def job_folder() -> Path:
    """Return the folder of the job that Hydra is running, as the user would type it."""
    from hydra.core.hydra_config import HydraConfig

    folder = Path(HydraConfig.get().runtime.output_dir)
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def market_folder(config) -> Path:
    """Return the folder of a configuration's panel, which is built if need be."""
    from engine.data import build_panel

    name, settings = _market(config)
    return build_panel(name, **settings)


def quality(config):
    """Return the quality report of a configuration's market: which quotes were dropped, and why."""
    from engine.data import load_quality

    return load_quality(market_folder(config))


def _market(config) -> tuple[str, dict]:
    """Name of the market and what its source is to be told, its path among it; each setting is checked."""
    from engine.data.load import source_kind

    market = config["market"]
    settings = {key: value for key, value in market.items() if key not in ("_target_", "name", "path")}
    source = source_kind(market["name"])
    checked = {key: _checked(source, key, value, "market") for key, value in settings.items()}
    return market["name"], {"path": market["path"], **checked}


def _date(config, key: str):
    import numpy as np

    value = config[key]
    if value is None:
        return None
    try:
        return str(np.datetime64(str(value), "D"))
    except ValueError:
        raise InputError(f"{key}={value} is not a date; write {key}=2024-06-30") from None


def resolved(config) -> dict:
    """Return the configuration as plain dictionaries, every interpolation resolved and every value present."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)


def suggestion(word: str, known, otherwise: str) -> str:
    """Say which known word was probably meant, or list them.

    Examples
    --------
    >>> suggestion("stratgy", ["strategy", "market"], "groups are")
    'did you mean strategy?'
    >>> suggestion("xyz", ["strategy", "market"], "groups are")
    'groups are strategy, market'
    """
    known = [str(k) for k in known]
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(known)}"


def explained(error: Exception, config_name: str) -> str | None:
    """Return what to tell the user about an error that is theirs, or None for one that is ours."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    cause = error
    while cause is not None:
        if isinstance(cause, InputError):
            return str(cause)
        cause = cause.__cause__
    text = str(error)
    if isinstance(error, MissingMandatoryValue):
        key = re.search(r"full_key: (\S+)", text)
        key = key.group(1) if key else text.splitlines()[0]
        return f"{key} has no value yet; add '{key}=...' to the command"
    if missing := re.search(r"Could not (?:find|load) '([^']+)/([^'/]+)'", text):
        group, choice = missing.groups()
        if group == "hydra/launcher" and choice in LAUNCHER_EXTRAS:
            asked = choice.replace("submitit_slurm", "slurm")  # ours, which builds on that
            return (
                f"hydra/launcher={asked} is not installed: pip install 'dispersion-engine[{LAUNCHER_EXTRAS[choice]}]'"
            )
        return f"{group}={choice} does not exist; {suggestion(choice, choices(group), f'{group} can be')}"
    if unknown := re.search(r"Could not (?:override|append to|delete from config)\S* '([^']+)'", text):
        return _unknown_key(unknown.group(1).split("@")[0], config_name)
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override}: {text.splitlines()[0]}; options are group=choice or key=value"
    if "srun" in text:  # what submitit looks for
        return "hydra/launcher=slurm needs Slurm, and this machine has no srun; run the command on a login node"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(line.strip() for line in text.splitlines() if line.strip())
    return None


def choices(group: str) -> list[str]:
    """Return the choices of a config group: the names of the files in its folder."""
    return sorted(file.stem for file in (CONFIGS / group).glob("*.yaml"))


def _unknown_key(key: str, config_name: str) -> str:
    groups = sorted(folder.name for folder in CONFIGS.iterdir() if folder.is_dir() and folder.name != "hydra")
    parent, _, last = key.rpartition(".")
    if parent:
        known = _keys(parent, config_name)
        if known:
            return f"{parent} has no setting {last}; {suggestion(last, known, 'it has')}"
        return f"there is no {parent}, so {key} cannot be set; {suggestion(parent, groups, 'groups are')}"
    known = [*groups, *_keys("", config_name)]
    return f"there is no group or setting {key}; {suggestion(key, known, 'there are')}"


def _keys(parent: str, config_name: str) -> list[str]:
    """Keys under a parent: at the root of the command's own file, or in any choice of the group."""
    from omegaconf import OmegaConf

    root = OmegaConf.load(CONFIGS / f"{config_name}.yaml")
    files = sorted((CONFIGS / parent).glob("*.yaml")) if parent else []
    written = [root.get(parent) or {}, *map(OmegaConf.load, files)] if parent else [root]
    # A choice may also set keys of the root; its own then stand under the name of its group.
    found = {str(key): None for keys in written for key in (keys.get(parent, keys) if parent else keys)}
    return [key for key in found if key not in ("_target_", "defaults", "hydra")]
