"""From options to what a worker's command is wrapped in."""

from __future__ import annotations

from jor import ConfigError
from jor.config import Config
from jor_containers import Native, Wrapper


def wrapper(config: Config) -> Wrapper:
    """Return the wrapper that the options sif and condaenv ask for.

    Raise ConfigError when one of them is set: containers and environments are not part of this version yet.
    """
    for name in ("sif", "condaenv"):
        setting = config.setting(name)
        if setting.value:
            raise ConfigError(
                f"{name} = {setting.value}: containers and environments are not part of this version yet",
                where=setting.source,
                remedy=f"Leave {name} empty, and start jor in the environment that the jobs need",
            )
    return Native()
