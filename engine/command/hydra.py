"""Starting a command under Hydra, tidying up after a mistake, and asking Hydra about the job it is running."""

import errno
import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.command.messages import CONFIGS, check_words, choices, explained, give_up
from engine.command.start import help_that_comes_late, import_from_here_last, sweep_from_anywhere
from engine.errors import InputError

INTERRUPTED = 130  # exit code, as shells count it

_when_broken: list[Callable[[], str | None]] = []
_asked: Any = None  # configuration of the job that Hydra is running, as composed


def start(task: Callable[[dict, Path], Any], config_name: str) -> None:
    """Run `task(config, folder)` as a Hydra command; mistakes of the user end it with a message and exit code 2.

    With HYDRA_FULL_ERROR=1 in the environment the traceback is shown instead.
    """
    import_from_here_last()
    sweep_from_anywhere()
    if not (CONFIGS / f"{config_name}.yaml").is_file():  # `configs` is a name that other packages may use too
        give_up(f"{CONFIGS} does not hold {config_name}.yaml: another package has replaced it; install this one again")
    check_words(config_name)
    import hydra
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("choices", choices, replace=True)  # for the help
    in_full = bool(os.environ.get("HYDRA_FULL_ERROR"))

    @functools.wraps(task)
    def job(config: Any) -> Any:
        import_from_here_last()  # in another process it is the first to run
        _remember(config)
        try:
            return task(resolved(config), job_folder())
        except Exception as error:
            if not in_sweep() and not in_full:  # in a sweep Hydra names the job first
                _end(error, config_name)
            raise
        finally:
            _remember(None)
            if in_sweep():
                with suppress(OSError):  # Hydra makes a folder for every job; one in which nothing is kept goes
                    job_folder().rmdir()

    command = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(job)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise what it would print and turn into exit code 1
    try:
        with help_that_comes_late():
            command()
    except BrokenPipeError:  # the reader, `| head` say, has seen enough; the run itself is complete
        _print_no_more()
    except (Exception, KeyboardInterrupt) as error:
        if not in_full:
            _end(error, config_name)
        _tidy()
        raise


def _end(error: BaseException, config_name: str) -> None:
    """Tidy up, and end the command with one message where the error is the user's."""
    told = _tidy()
    if isinstance(error, KeyboardInterrupt):
        give_up("; ".join(["interrupted", *told]), INTERRUPTED)
    message = explained(error, config_name)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None and not sys.stdout.closed:
        _print_no_more()  # or what waits to be printed would fail once more
    if message is not None:
        give_up(message)


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _remember(config: Any) -> None:
    """Keep the configuration of the job at work; a function, since launchers send `start`'s job elsewhere as a copy."""
    global _asked
    _asked = config


def _tidy() -> list[str]:
    return [text for tidy in _when_broken if (text := tidy()) is not None]


def when_broken(tidy: Callable[[], str | None]) -> None:
    """Have `tidy` called when the command fails: Hydra does not call its own callbacks then.

    What it returns, if anything, tells whoever interrupted the command how to go on.
    """
    if tidy not in _when_broken:
        _when_broken.append(tidy)


def in_sweep() -> bool:
    """Whether this run is one job of many."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def job_folder() -> Path:
    """Return the folder of the job that Hydra is running, as the user would type it."""
    from hydra.core.hydra_config import HydraConfig

    folder = Path(HydraConfig.get().runtime.output_dir)
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def sweep_folder() -> Path:
    """Return the folder of the sweep of which Hydra is running a job."""
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().sweep.dir)


def chosen(group: str) -> str:
    """Return the choice that the job which Hydra is running takes in a group; "" where it takes none."""
    from hydra.core.hydra_config import HydraConfig

    return str(HydraConfig.get().runtime.choices.get(group) or "") if HydraConfig.initialized() else ""


def asked_files(config: Any = None) -> dict[str, str]:
    """Return what was asked of the job that Hydra is running, as the files of `.hydra/`, name to text.

    Parameters
    ----------
    config : DictConfig or None
        Its configuration as composed, where `start` did not start it.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    config = _asked if config is None else config
    if config is None:  # called as a function, without Hydra
        return {}
    asked = {"config": config, "hydra": HydraConfig.instance().cfg, "overrides": HydraConfig.get().overrides.task}
    return {f"{name}.yaml": OmegaConf.to_yaml(node) for name, node in asked.items()}


class Settings(dict):
    """A resolved configuration, or the part of it under `place`; a key that is missing was taken out by the user."""

    def __init__(self, values: dict, place: str = ""):
        super().__init__(values)
        self.place = place

    def __missing__(self, key):
        whole = f"{self.place}{key}"
        raise InputError(f"the configuration has no {whole}; leave out '~{whole.split('.')[0]}', or set it")


def resolved(config: Any) -> Settings:
    """Return the configuration as plain dictionaries, every interpolation resolved and every value present."""
    return _settings(plain(config, resolve=True, throw_on_missing=True))


def plain(node: Any, resolve: bool = False, throw_on_missing: bool = False) -> Any:
    """Return a node of a configuration as plain dictionaries, lists and values."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node, resolve=resolve, throw_on_missing=throw_on_missing)


def _settings(node: Any, place: str = "") -> Any:
    if not isinstance(node, dict):
        return node
    return Settings({key: _settings(value, f"{place}{key}.") for key, value in node.items()}, place)
