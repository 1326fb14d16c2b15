"""What a user is told: errors of the user's, Hydra's among them, as one message that says what to do."""

import difflib
import errno
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import InputError
from engine.places import ROOT

CONFIGS = ROOT / "configs"
OWN_CONFIGS = Path("configs")  # of the working directory: choices beside the engine's own
USER_ERROR = 2  # exit code

# Launchers that other packages bring, and the extra of this one that installs them.
LAUNCHER_EXTRAS = {"joblib": "joblib", "submitit_slurm": "slurm", "submitit_local": "slurm"}
LAUNCHERS = ("basic", "batch", "ray_batch", "slurm_batch", "joblib", "slurm", "submitit_local")


def give_up(message: str, code: int = USER_ERROR) -> NoReturn:
    """End the command with a message for the user."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
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
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(known) or 'none'}"


def explained(error: BaseException, config_name: str) -> str | None:
    """Return what to tell the user about an error that is theirs, or None for one that is ours."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    cause = error
    while cause is not None:
        if isinstance(cause, InputError):
            return str(cause)
        if isinstance(cause, HydraException) and isinstance(error, ValueError):  # of a configuration of logging
            return f"{error}: {cause}"
        cause = cause.__cause__
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or type(error).__name__}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"{error.strerror}; free some, and run it again"
    if isinstance(error, MemoryError):
        return f"not enough memory ({text or 'the system refused more'}); ask for fewer names, dates or parameter sets"
    if "Config group override deletion value must be a string" in text:
        return "~group takes a group out, and ~group=choice where it has that choice; a number is no choice"
    if "Config group override must be a string or a list" in text:
        group = next((key for key, value in _asked().items() if value in ("null", "None", "~")), "a group")
        return f"{group}=null is no choice; {group} can be {', '.join(choices_of(group))}"
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
        known = LAUNCHERS if group == "hydra/launcher" else choices_of(group)
        own = f"; one of your own is a file {OWN_CONFIGS / group / choice}.yaml here" if known is not LAUNCHERS else ""
        return f"{group}={choice} does not exist; {suggestion(choice, known, f'{group} can be')}{own}"
    if unknown := re.search(r"Could not (?:override|append to|delete from config)\S* '([^']+)'", text):
        return _unknown_key(unknown.group(1).split("@")[0], config_name)
    if "Ambiguous value for argument" in text:
        return "several values for one key are a sweep: add -m to the command"
    if isinstance(error, OverrideParseException):
        if str(error.override).rstrip().endswith(","):
            return f"cannot read {error.override}: a list of values has no blanks, as in key=0.5,1"
        key, _, value = str(error.override).partition("=")
        again = f"; a value with such signs is quoted twice: '{key}=\"{value}\"'" if value.strip("\"'") == value else ""
        return f"cannot read {error.override}: {text.splitlines()[0]}; options are group=choice or key=value{again}"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        return f"{error.filename}: {error.strerror}; give a place that you may read and write"
    if "srun" in text:  # what submitit looks for
        return "hydra/launcher=slurm needs Slurm, and this machine has no srun; run the command on a login node"
    if isinstance(error, TypeError) and _raised_in(error) == "defaults_list.py":  # of Hydra
        odd = next((f"{key}={value}" for key, value in _asked().items() if value.startswith("[")), "one of the choices")
        return f"{odd} is no choice: a group takes a name, or a list of names such as [one,two]"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(line.strip() for line in text.splitlines() if line.strip())
    return None


def _raised_in(error: BaseException) -> str:
    """Return the name of the file that raised an error."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else Path(at.tb_frame.f_code.co_filename).name


def choices_of(group: str) -> list[str]:
    """Return the choices of a config group: the names of its files; those with a _ are parts of others."""
    return sorted({file.stem for configs in (CONFIGS, OWN_CONFIGS) for file in (configs / group).glob("[!_]*.yaml")})


def choices(config_name: str) -> str:
    """Return the choices of each group of a command, a line each, as its help lists them.

    A choice that is one command's alone says so in its first line: "For engine.correlate."
    """
    lines: list[str] = []
    for group in sorted(_groups(config_name)):
        names = choices_of(group)
        if config_name != "correlate":
            first = {name: _first_line(CONFIGS / group / f"{name}.yaml") for name in names}
            names = [name for name in names if "For engine.correlate." not in first[name]]
        lines.append(f"{group}: {', '.join(names)}")
    return "\n".join(lines)


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0] if file.is_file() else ""


def check_words(config_name: str) -> None:
    """End the command where a word asks for what nothing reads, or for a place where nothing would be found."""
    known = [*_groups(config_name), *_keys("", config_name), "hydra"]
    for place, word in enumerate(sys.argv[1:], 1):
        key, equals, value = word.lstrip("-+").partition("=")
        where = re.split(r"[./@]", key.rpartition("@")[2])[0]  # of group@place=choice the place
        if word.startswith("--") and where in known:
            value = value if equals else (*sys.argv[place + 1 : place + 2], "...")[0]
            give_up(f"{word} is no option: choices and settings have no dashes; write {key}={value}")
        if key == "hydra.job.chdir" and value.lower() == "true":
            give_up(f"{word} moves the command to where the paths you give are not; leave it out")
        if word.startswith("+") and where not in (*known, "_global_") and not _is_own_group(where):
            give_up(f"{word}: nothing reads {where}; {suggestion(where, known, 'there are')}")


def _is_own_group(name: str) -> bool:
    """Whether a folder of choices of the user's has a group of that name: one that sets keys of the root, say."""
    words = [*sys.argv[1:], ""]
    places = [words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--config-dir", "-cd")]
    places += [word.partition("=")[2] for word in words if word.startswith("--config-dir=")]
    return any((Path(place) / name).is_dir() for place in (OWN_CONFIGS, *places))


def _groups(config_name: str) -> dict[str, str | None]:
    """Return the config groups of a command, and the choice each takes where the user takes none."""
    from omegaconf import OmegaConf

    defaults = OmegaConf.load(CONFIGS / f"{config_name}.yaml").defaults
    pairs = [pair for entry in defaults if not isinstance(entry, str) for pair in entry.items()]
    return {str(group): choice for group, choice in pairs if not str(group).startswith("override ")}


def _asked() -> dict[str, str]:
    """Return the words of the command, key to value as text."""
    words = (word.lstrip("+~").partition("=") for word in sys.argv[1:] if not word.startswith("-"))
    return {key.partition("@")[0]: value for key, _, value in words}


def _unknown_key(key: str, config_name: str) -> str:
    groups, asked = _groups(config_name), _asked()
    group, _, setting = key.rpartition(".")
    root = _keys("", config_name)
    if group in groups and group not in root:
        taken = asked.get(group) or groups[group] or ""
        others = [choice for choice in choices_of(group) if setting in _keys(group, choice)]
        known = [name for choice in taken.split(",") for name in _keys(group, choice)]
        if others and setting not in known:
            some = " or ".join(f"{group}={choice}" for choice in others)
            return f"{group}={taken} has no setting {setting}; add {some}, which has it"
        return f"{group}={taken} has no setting {setting}; {suggestion(setting, known, 'it has')}"
    if key in root:
        return f"{key} cannot be taken out; leave out '~{key}', or set it to another value"
    if key in groups:
        known = ", ".join(choices_of(key))
        return f"{key}= takes the name of a choice, {known}; one of your own is a file in {OWN_CONFIGS / key}"
    if not group and (CONFIGS / key).is_dir():
        return f"{key} is no group of this command, which has {', '.join(groups)}"
    if group in root:
        known = _keys(group, config_name)
        return f"{group} has no setting {setting}; {suggestion(setting, known, 'it has')}"
    if group:
        return f"there is no {group}, so {key} cannot be set; {suggestion(group, groups, 'groups are')}"
    taken = {group: (asked.get(group) or choice or "").split(",") for group, choice in groups.items()}
    below = [f"{group}.{key}" for group, of in taken.items() if any(key in _keys(group, choice) for choice in of)]
    meant = f"did you mean {' or '.join(below)}?" if below else suggestion(key, [*groups, *root], "there are")
    return f"there is no group or setting {key}; {meant}"


def _keys(group: str, choice: str) -> list[str]:
    """Return the keys that a choice of a group sets, or that a command's own file sets at its root or under a key."""
    from omegaconf import OmegaConf

    if (file := CONFIGS / group / f"{choice}.yaml").is_file():
        written: Any = OmegaConf.load(file)
        written = written.get(group, written)  # a choice may also set keys of the root
    else:
        root = CONFIGS / f"{choice}.yaml"
        whole: Any = OmegaConf.load(root) if root.is_file() else {}
        written = whole.get(group) or {}
    return [str(key) for key in written if key not in ("_target_", "defaults", "hydra")]
