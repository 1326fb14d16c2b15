"""What a user is told: errors of the user's, Hydra's among them, as one message that says what to do."""

import difflib
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import InputError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
USER_ERROR = 2  # exit code

# Launchers that other packages bring, and the extra of this one that installs them.
LAUNCHER_EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm"}


def give_up(message: str, code: int = USER_ERROR) -> NoReturn:
    """End the command with a message for the user."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


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


def explained(error: BaseException, config_name: str) -> str | None:
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
        return f"{group}={choice} does not exist; {suggestion(choice, choices_of(group), f'{group} can be')}"
    if unknown := re.search(r"Could not (?:override|append to|delete from config)\S* '([^']+)'", text):
        return _unknown_key(unknown.group(1).split("@")[0], config_name)
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override}: {text.splitlines()[0]}; options are group=choice or key=value"
    if "srun" in text:  # what submitit looks for
        return "hydra/launcher=slurm needs Slurm, and this machine has no srun; run the command on a login node"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(line.strip() for line in text.splitlines() if line.strip())
    return None


def choices_of(group: str) -> list[str]:
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

    files = sorted((CONFIGS / parent).glob("*.yaml")) if parent else []
    read: list[Any] = [OmegaConf.load(file) for file in (CONFIGS / f"{config_name}.yaml", *files)]
    written = [read[0].get(parent) or {}, *read[1:]] if parent else read
    # A choice may also set keys of the root; its own then stand under the name of its group.
    found = {str(key): None for keys in written for key in (keys.get(parent, keys) if parent else keys)}
    return [key for key in found if key not in ("_target_", "defaults", "hydra")]
