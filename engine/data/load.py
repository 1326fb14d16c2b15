"""Markets by name: a panel is built once from its source's files, and only opened after that."""

import difflib
import os
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.calendar import DAY, Date, read_date
from engine.data.build import build_into
from engine.data.check_append import check_appendable
from engine.data.inputs import inputs_of
from engine.data.panel import MarketPanel
from engine.data.source import Source
from engine.data.sources import SOURCES
from engine.data.store.header import HEADER
from engine.data.store.storage import PanelWriter, open_panel
from engine.data.vendors.auto import AUTO, resolved
from engine.data.vintages import Vintages, as_it_was
from engine.durable import locked
from engine.errors import InputError
from engine.kinds import check_kinds
from engine.places import panel_cache
from engine.progress import progress_bar

STEPS = "steps"  # of builds: folder in the cache


def load_market(
    name: str,
    path: Path | str | None = None,
    *,
    start: Date | None = None,
    end: Date | None = None,
    cache: Path | str | None = None,
    rebuild: bool = False,
    progress: bool = True,
    as_of: str | None = None,
    **settings: Any,
) -> MarketPanel:
    """Load a market, building its panel from the source's files where that has not been done yet.

    Parameters
    ----------
    name : str
        `auto`, which recognises the files, or one of `engine.data.sources.SOURCES`: `synthetic`, `files`, `panel`, or
        a vendor's, such as `orats` or `ivydb`.
    path : path or None
        Folder of the files, as the source wants it: engine/data/README.md has a line for each. The synthetic market
        needs none.
    start, end : ISO date or None
        First and last session wanted, both inclusive.
    cache : path or None
        Folder of the panels that were built; None = the environment variable DISPERSION_CACHE, else `results/panels` of
        the checkout, else the user's cache folder.
        Each is keyed by a hash of its input files, its settings and the code that it comes from.
    rebuild : bool
        Build the panel again even if it is there.
    progress : bool
        Show a progress bar while building, on a terminal.
    as_of : str or None
        The panel as it was: that of a date, or a moment, of UTC, or that with a hash, the `panel_hash` in the manifest
        of a run; its first 8 letters will do. Files may have been restated since: `report.restated` of the panel lists
        every value that differs, and its notes say how many. Vintages are in `cache`, as long as nobody removes them.
    **settings
        Settings of the source, such as `years`, `names` and `seed` of the synthetic market.

    Returns
    -------
    MarketPanel
        Memory-mapped and read-only.

    Raises
    ------
    InputError
        When there is no such market, setting, file, column or range of dates, or numbers are in the wrong unit.

    Examples
    --------
    >>> market = load_market("synthetic", years=1, names=5, progress=False)
    >>> market.index_iv.shape
    (252, 10, 17)
    """
    for word, date in (("start", start), ("end", end)):
        if date is not None:
            read_date(date, word)
    if start is not None and end is not None and read_date(start) > read_date(end):
        raise InputError(f"start={start} lies after end={end}; exchange the two")
    built = {"cache": cache, "progress": progress, **settings}
    panel = open_panel(build_panel(name, path, rebuild=rebuild, **built))
    if as_of is not None:
        panel = as_it_was(open_panel(build_panel(name, path, as_of=as_of, **built)), panel, as_of)
    return panel.slice(start, end)


def build_panel(
    name: str,
    path: Path | str | None = None,
    *,
    cache: Path | str | None = None,
    rebuild: bool = False,
    progress: bool = True,
    as_of: str | None = None,
    **settings: Any,
) -> Path:
    """Build a market's panel where that has not been done yet, and return its folder.

    The folder also holds the quality report and, of a synthetic market, the truth.

    Parameters
    ----------
    name, path, cache, rebuild, progress, as_of, **settings
        As for `load_market`.

    Raises
    ------
    InputError
        As `load_market`.
    """
    if name == AUTO:
        name, settings = resolved(path, settings)
    source = find_source(name, path, settings)
    if (stored := source.stored()) is not None:
        if as_of is not None:
            raise InputError(f"as_of={as_of}: market {name} is a panel that is stored as it is, and has no vintages")
        return stored
    root = _root(cache)
    source.keep_under(root / STEPS, trust=not rebuild)
    inputs = inputs_of(source)
    folder = root / f"{name}-{inputs.key[:12]}"
    if rebuild or not (folder / HEADER).is_file():
        build_into(folder, source, name, progress, replace=rebuild, inputs=inputs)
    if inputs.files:
        vintages = Vintages(root, name, source)
        vintages.note(folder)
        return folder if as_of is None else vintages.folder(as_of)
    if as_of is not None:
        raise InputError(f"as_of={as_of}: market {name} is made of no files, and has no vintages")
    return folder


def extend_panel(
    folder: Path | str,
    name: str,
    path: Path | str | None = None,
    *,
    cache: Path | str | None = None,
    progress: bool = True,
    **settings: Any,
) -> MarketPanel:
    """Append to a panel folder of your own the sessions that a market's files have gained since, and open it.

    Only the new sessions are built; the sessions in the folder are not compared with the files. Where older rows were
    corrected, or a name was added, build the whole panel again: `load_market` does so whenever a file has changed.

    Parameters
    ----------
    folder : path
        As made by `save_panel(load_market(...), folder)`. The folders in the cache of `load_market` must not be
        extended: each of them belongs to one state of the files.
    name, path, cache, progress, **settings
        As given to `load_market`: what was read and inverted in its cache is not read again.

    Raises
    ------
    InputError
        When the folder holds no panel or one of another market, when the names have changed, when a file changes while
        it is read, or when the market reads no files; the folder then stays as it was.
    """
    if name == AUTO:
        name, settings = resolved(path, settings)
    if "path" not in {f.name for f in fields(source_kind(name))}:
        raise InputError(f"market {name} reads no files, so none of its panels can grow; load another one")
    with locked(folder, "adding to"):
        panel = open_panel(folder)
        source = find_source(name, path, settings | {"start": str(panel.dates[-1] + DAY)})
        source.keep_under(_root(cache) / STEPS)
        inputs, writer = inputs_of(source), PanelWriter(folder, append=True)
        with progress_bar(f"Extending panel {name}", source.sessions(), progress) as advance:
            for block in source.blocks():
                check_appendable(panel, block)
                writer.write(block)
                advance(len(block))
        inputs.check_unchanged(source)
        writer.commit()
    return open_panel(folder)


def _root(cache: Path | str | None) -> Path:
    return Path(cache or os.environ.get("DISPERSION_CACHE") or panel_cache())


def source_kind(name: str) -> type[Source]:
    """Return the class of the source of that name.

    Raises
    ------
    InputError
        When there is none; the nearest known name is suggested.
    """
    if name not in SOURCES:
        raise InputError(f"market={name} is unknown{_nearest(name, SOURCES)}; there are {', '.join((AUTO, *SOURCES))}")
    module, _, kind = SOURCES[name].partition(":")
    return getattr(import_module(module), kind)


def find_source(name: str, path: Path | str | None, settings: dict) -> Source:
    """Return the source of that name with its settings; nothing is built.

    Parameters
    ----------
    name : str
    path : path or None
        Not looked at where the source reads no files.
    settings : dict
        Fields of the source; those that are left out have their defaults.

    Raises
    ------
    InputError
        When there is no such source, setting or folder.
    """
    if name == AUTO:
        name, settings = resolved(path, settings)
    source = source_kind(name)
    known = [f.name for f in fields(source) if f.init]
    for setting in settings:
        if setting not in known:
            raise InputError(f"{setting} is not a setting of market {name}{_nearest(setting, known)}")
    for word in ("start", "end"):
        if "path" in known and settings.get(word) is not None:
            read_date(settings[word], f"market.{word}")
    if "path" not in known:
        return source(**settings)
    if path is None:
        raise InputError(f"market {name} reads files: give the folder that holds them, market.path=FOLDER")
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"market.path={path} is not text; quote it twice, such as 'market.path=\"{path}\"'")
    path = Path(os.path.expanduser(path))
    if not _is_there(path, source.takes_file):
        raise InputError(f"market.path={path} is not a folder; give the one that holds the files of market {name}")
    made = source(**settings | {"path": str(path)})
    check_kinds(made)
    return made


def _is_there(path: Path, may_be_file: bool) -> bool:
    try:
        return path.is_dir() or (may_be_file and path.is_file())
    except (OSError, ValueError):  # too long, or not a name
        return False


def _nearest(word: str, known) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
