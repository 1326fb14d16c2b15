"""From configuration to objects: `_target_` names a class, the other keys are its fields, and each is checked."""

import math
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module

from engine.command.messages import choices_of, suggestion
from engine.errors import InputError

_NUMBERS = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


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
    if not isinstance(node, dict) or "_target_" not in node:
        raise InputError(f"{where}={node} makes nothing; choose one of {', '.join(choices_of(where))}")
    settings = {key: value for key, value in node.items() if key != "_target_"}
    made = imported(node.get("_target_"), where)
    if is_dataclass(made):
        settings = {key: checked(made, key, value, where) for key, value in settings.items()}
    return made(**settings, **given)


def imported(path, where: str):
    """Return the class or function of a dotted path, which stands in the configuration at `where`."""
    module, _, name = str(path).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{where}._target_={path} cannot be imported: {error}") from error


def checked(made, key: str, value, where: str):
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
    if wanted in ("int", "float") and not math.isfinite(value) and value != known[key].default:  # inf may mean "never"
        raise InputError(f"{where}.{key}={value} is not a finite number")
    return float(value) if wanted == "float" else value


def number(config: dict, key: str, kind: type):
    """Return a number of the configuration's root, or say that it is none.

    Examples
    --------
    >>> number({"min_coverage": 1}, "min_coverage", float)
    1.0
    """
    value = config[key]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key}={value} is not a finite number")
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise InputError(f"{key}={value} is not a {'whole ' if kind is int else ''}number")
    return kind(value)
