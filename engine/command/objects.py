"""From configuration to objects: `_target_` names a class, the other keys are its fields, and each is checked."""

import math
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from typing import Any

from engine.command.messages import choices_of, suggestion
from engine.errors import InputError
from engine.kinds import misfit

OURS = ("engine", "strategies")
_NUMBERS = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def build(node: Any, where: str = "", allow: Any = ()) -> Any:  # of the class that the node names
    """Make the object a piece of configuration describes: `_target_` names the class, the other keys its fields.

    Parameters
    ----------
    node : mapping with `_target_`, resolved
    where : str
        Key of the node in the configuration: the group, which says what the class must offer.
    allow : str or list of str
        Packages, beside the engine's own, whose classes may be made.

    Raises
    ------
    InputError
        For a class that does not exist, is of another package or does not fit the group, a field it does not have (with
        a suggestion), and a value of the wrong kind.

    Examples
    --------
    >>> build({"_target_": "engine.correlation.TopWeights", "n": 20})
    TopWeights(n=20)
    """
    from engine.backtest.arguments import BASES  # once a command knows what it is to import from where

    if not isinstance(node, dict) or "_target_" not in node:
        raise InputError(f"{where}={node} makes nothing; choose one of {', '.join(choices_of(where))}")
    made = imported(node.get("_target_"), where, allow)
    if (base := BASES.get(where)) is not None and (problem := misfit(made, base)):
        raise InputError(f"{where}._target_={made.__module__}.{made.__name__} {problem}")
    settings = {key: checked(made, key, value, where) for key, value in node.items() if key != "_target_"}
    try:
        return made(**settings)
    except InputError as error:  # which names the class; whoever wrote the configuration knows the group
        raise InputError(str(error).replace(f"{made.__name__}.", f"{where}.")) from error
    except TypeError as error:
        raise InputError(f"{where}._target_={node['_target_']} cannot be made of {settings}: {error}") from error


def imported(path: Any, where: str, allow: Any = ()) -> type:
    """Return the class of a dotted path, which stands in the configuration at `where`.

    It must be a class that a trusted package defines, not one that it only imports; no other package is imported.
    """
    trusted = (*OURS, *_packages(allow))
    module, _, name = str(path).rpartition(".")
    if not _within(module, trusted):
        package = module.partition(".")[0] or name
        raise InputError(
            f"{where}._target_={path} is not of {' or '.join(trusted)}; if you trust its code, add allow={package}"
        )
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{where}._target_={path} cannot be imported: {error}") from error
    if not isinstance(found, type) or not _within(found.__module__, trusted):
        raise InputError(f"{where}._target_={path} is no class that {' or '.join(trusted)} defines")
    return found


def _packages(allow: Any) -> list[str]:
    given = list(allow) if isinstance(allow, list | tuple) else [] if allow is None else [allow]
    for package in given:
        if not isinstance(package, str) or not all(part.isidentifier() for part in package.split(".")):
            raise InputError(f"allow={package} is not the name of a package; write allow=mypackage or allow=[one,two]")
    return given


def _within(module: str, packages) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def checked(made: Any, key: str, value: Any, where: str) -> Any:
    """Return the value as the field wants it, or say what is wrong with it."""
    if not is_dataclass(made):
        return value
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


def number(config: dict, key: str, kind: type) -> Any:
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
