"""Choices of the user's own: `configs/` in the working directory, looked through after the engine's."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from engine.command.messages import CONFIGS, OWN_CONFIGS


class OwnConfigs(SearchPathPlugin):
    """Appends the folder to the search path of the engine's commands; other Hydra applications keep theirs."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra before it composes a configuration."""
        known = [Path(element.path.removeprefix("file://")) for element in search_path.get_path()]
        own = OWN_CONFIGS.resolve()
        if CONFIGS in known and own not in known and own.is_dir():
            search_path.append("own", f"file://{own}")
