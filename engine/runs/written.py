"""What a finished folder says of itself: its manifest, and its files, each held to what was written."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import yaml

from engine.durable import seal_holds, without_seal
from engine.errors import InputError

MANIFEST = "manifest.json"
AGAIN = "run this job again"  # what to do about a file of a run


def read_manifest(folder: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Read the manifest of a folder, without its seal.

    Raises
    ------
    InputError
        When it is not there, or does not say what it said when it was written.
    """
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path} is missing or damaged; {remedy}") from None
    if not isinstance(found, dict) or not isinstance(found.get("files", {}), dict) or not seal_holds(found):
        raise InputError(f"{path} is damaged; {remedy}")
    return without_seal(found)


def written_before(folder: Path) -> dict[str, str]:
    """Return the files that a finished run's manifest lists, name to SHA-256; none where it cannot be read."""
    try:
        return read_manifest(folder).get("files", {})
    except InputError:
        return {}


def read_text(folder: Path, name: str, manifest: dict[str, Any], remedy: str = AGAIN) -> str | None:
    """Read a file that a manifest lists; None where it neither lists it nor has it.

    Raises
    ------
    InputError
        When it is gone, or not what was written.
    """
    path, known = folder / name, manifest.get("files", {}).get(name)
    if known is None and not path.exists():
        return None
    try:
        content = path.read_bytes()
        if known is not None and hashlib.sha256(content).hexdigest() != known:
            raise InputError(f"{path} was changed or damaged after it was written; {remedy}")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} is missing or damaged; {remedy}") from None


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where libyaml is there


class _Loader(_SafeLoader):
    """Reads what OmegaConf wrote, as it would, ten times as fast: a text that looks like a date stays text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> Any:
    """Read the text of a file of `.hydra/` as plain dictionaries, lists and values; YAMLError where it is damaged."""
    return yaml.load(text, _Loader)
