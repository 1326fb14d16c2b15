"""Starting a command under Hydra, tidying up after a mistake, and asking Hydra about the job it is running."""

import functools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from engine.command.messages import CONFIGS, explained, give_up
from engine.command.start import import_from_here_last
from engine.errors import InputError

_when_broken: list[Callable[[], None]] = []


def start(task, config_name: str) -> None:
    """Run `task(config, folder)` as a Hydra command; mistakes of the user end it with a message and exit code 2.

    A run that fails by such a mistake leaves no folder behind. With HYDRA_FULL_ERROR=1 in the environment the
    traceback is shown instead.
    """
    import_from_here_last()
    import hydra
    from omegaconf.errors import OmegaConfBaseException

    @functools.wraps(task)
    def job(config):
        import_from_here_last()  # in another process it is the first to run
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
        for tidy in _when_broken:
            tidy()
        if message is None:
            raise
        give_up(message)


def when_broken(tidy: Callable[[], None]) -> None:
    """Have `tidy` called when the command fails: Hydra does not call its own callbacks then."""
    if tidy not in _when_broken:
        _when_broken.append(tidy)


def _remove(folder: Path) -> None:
    """Remove a run folder, and those of its time and study when nothing else is left there."""
    shutil.rmtree(folder)
    for above in list(folder.parents)[:2]:
        if any(above.iterdir()):
            return
        above.rmdir()


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


def resolved(config) -> dict:
    """Return the configuration as plain dictionaries, every interpolation resolved and every value present."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
