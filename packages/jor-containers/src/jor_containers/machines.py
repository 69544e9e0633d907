"""What there is where environments are looked for: on this machine, or inside a wrapper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Protocol

from .discovery import run, why_nothing_runs
from .wrapping import Wrapper

#: For each path, what is at it, the path without links, and the path.
_LOOK = """\
for path; do
    if [ -d "$path/conda-meta" ]; then kind=environment; elif [ -d "$path" ]; then kind=folder; else continue; fi
    printf '%s\\0%s\\0%s\\0' "$kind" "$(cd -P "$path" && pwd)" "$path"
done"""
#: Of each path the text, if it is a file; of a folder those of what is called *.yml and *.yaml.
_READ = """\
for path; do
    for file in "$path" "$path"/*.y*ml; do
        if [ -f "$file" ] && [ -r "$file" ]; then printf '%s\\0' "$file"; cat "$file"; printf '\\0'; fi
    done
done
true"""
#: The program conda, in its base environment, and the variables.
_ENVIRON = """\
if conda=$(command -v conda); then
    [ -d "${conda%/*/*}/conda-meta" ] || conda=$(readlink -f "$conda")
fi
printf '%s\\0' "$conda"
cat /proc/self/environ"""


class Machine(Protocol):
    """This machine, or a container."""

    #: The variables there.
    environ: Mapping[str, str]
    #: Path of the program conda, in its base environment if that is known; "" for none.
    conda: str

    def look(self, paths: Sequence[str]) -> dict[str, tuple[bool, str]]:
        """Return those of `paths` that are folders, each with whether it is an environment, and its real path."""
        ...

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the texts of those of `paths` that are files, and of the YAML files in those that are folders."""
        ...

    def is_writable(self, path: str, /) -> bool:
        """Return whether there is a file at `path` that can be written to."""
        ...


class Here:
    """This machine, with the variables `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        found = shutil.which("conda", path=environ.get("PATH", os.defpath)) or ""
        is_at_home = os.path.isdir(os.path.join(os.path.dirname(os.path.dirname(found)), "conda-meta"))
        self.conda = found if is_at_home or not found else os.path.realpath(found)

    def look(self, paths: Sequence[str]) -> dict[str, tuple[bool, str]]:
        """Return those of `paths` that are folders, each with whether it is an environment, and its real path."""
        folders = filter(os.path.isdir, paths)
        return {path: (os.path.isdir(os.path.join(path, "conda-meta")), os.path.realpath(path)) for path in folders}

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the texts of those of `paths` that are files, and of the YAML files in those that are folders."""
        found = {}
        for path in paths:
            for file in (path, *(os.path.join(path, name) for name in _yaml_files(path))):
                if os.path.isfile(file) and os.access(file, os.R_OK):
                    with open(file, encoding="utf-8", errors="replace") as opened:
                        found[file] = opened.read()
        return found

    def is_writable(self, path: str, /) -> bool:
        """Return whether there is a file at `path` that can be written to."""
        return os.path.isfile(path) and os.access(path, os.W_OK)


class Inside:
    """What commands see that run in a wrapper. Raise ContainerError when nothing can be run there."""

    def __init__(self, wrapper: Wrapper) -> None:
        self._wrapper = wrapper
        self.conda, *variables = self._run(_ENVIRON).split("\0")
        self.environ: Mapping[str, str] = dict(line.split("=", 1) for line in variables if "=" in line)

    def look(self, paths: Sequence[str]) -> dict[str, tuple[bool, str]]:
        """Return those of `paths` that are folders, each with whether it is an environment, and its real path."""
        told = self._run(_LOOK, *paths).split("\0")
        found = zip(told[::3], told[1::3], told[2::3], strict=False)
        return {path: (kind == "environment", real) for kind, real, path in found}

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the texts of those of `paths` that are files, and of the YAML files in those that are folders."""
        told = self._run(_READ, *paths).split("\0")
        return dict(zip(told[::2], told[1::2], strict=False))

    def is_writable(self, _path: str, /) -> bool:
        """Return False: an image is not for writing."""
        return False

    def _run(self, script: str, *paths: str) -> str:
        status, answer, said = run(self._wrapper.wrap(["/bin/sh", "-c", script, "sh", *paths]))
        if status:
            raise why_nothing_runs(status, said)
        return answer


def _yaml_files(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".yml", ".yaml")))
    except OSError:
        return []  # a file, or nothing
