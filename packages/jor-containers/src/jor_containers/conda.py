"""Run a command in a conda environment: what `conda activate` does, without conda.

Source: conda's documentation, "Managing environments" (activating, environment variables) and the deep dive on
activation: PATH, CONDA_PREFIX, CONDA_DEFAULT_ENV, CONDA_SHLVL, CONDA_PROMPT_MODIFIER; then the variables of
etc/conda/env_vars.d/*.json and conda-meta/state, in upper case; then the scripts etc/conda/activate.d/*.sh, in the
order of their bytes. Before that, what is active is left: etc/conda/deactivate.d/*.sh in reverse order, then its
variables. Compared with conda 26.9 from its source.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import attrs

#: The shell script that activates an environment; it has to be visible where commands run.
ACTIVATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "activate.sh")


@attrs.frozen
class CondaEnvironment:
    """An environment by its prefix. It costs some milliseconds, and 20 more where it brings variables of its own.

    What the calling process has from other environments goes first: all that are active are left, as by `conda
    deactivate`, with their scripts and variables. A command whose environment cannot be activated ends with status 78
    and says why.
    """

    prefix: str
    #: What CONDA_DEFAULT_ENV becomes; "" for what conda makes of the prefix: its last part in a folder `envs`.
    name: str = ""

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs `argv` in the activated environment."""
        folder, last = os.path.split(self.prefix)
        name = last if os.path.basename(folder) == "envs" else self.prefix
        return ("/bin/sh", ACTIVATE, self.prefix, self.name or name, *argv)

    @property
    def python(self) -> str:
        """Its Python interpreter, which it need not have."""
        return os.path.join(self.prefix, "bin", "python")

    def packages(self) -> tuple[str, ...]:
        """Return the packages in it, as name-version-build, sorted. Raise OSError when they cannot be read."""
        names = os.listdir(os.path.join(self.prefix, "conda-meta"))
        return tuple(sorted(name[: -len(".json")] for name in names if name.endswith(".json")))

    def explicit(self) -> tuple[str, ...]:
        """Return the packages in it, as `conda list --explicit --md5` does: URL#digest, enough to make it again.

        They come in the order of `packages`; name-version-build stands for one that does not say where it came from.
        Source: conda's documentation, "Managing environments", identical environments. Raise OSError when they cannot
        be read.
        """
        return tuple(map(self._origin, self.packages()))

    def _origin(self, package: str) -> str:
        with open(
            os.path.join(self.prefix, "conda-meta", f"{package}.json"), encoding="utf-8", errors="replace"
        ) as file:
            try:
                told = json.load(file)
                digest = told.get("md5") or told.get("sha256")
                return f"{told['url']}#{digest}" if digest else str(told["url"])
            except (ValueError, KeyError, TypeError, AttributeError):
                return package  # written by hand, or damaged
