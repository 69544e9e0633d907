"""Run a command in a container of Apptainer or Singularity.

Source: Apptainer's user guide, "Bind paths and mounts", "Environment and metadata", "GPU support"; the same in
SingularityCE's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import attrs

#: The shell script that starts a container; it has to be visible where commands run.
ENTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enter.sh")


@attrs.frozen
class Apptainer:
    """An image, and how its containers are started: nothing of the calling process's environment but what is named.

    The working directory is kept, if it is visible in there. Signals, standard input and the exit status are passed on.
    A command whose container cannot be started by this ends with status 78 and says why.
    """

    #: Path of a SIF file or a sandbox folder, or a URI.
    image: str
    #: apptainer or singularity: a path, or a name to look for where the command runs.
    program: str = "apptainer"
    #: What else is visible inside, in the syntax of `--bind`: SOURCE[:DESTINATION[:OPTIONS]]. See also `bound`.
    binds: tuple[str, ...] = ()
    #: Whether the drivers of NVIDIA's or AMD's GPUs are.
    nv: bool = False
    rocm: bool = False
    #: What else of the environment there is inside: NAME=VALUE, or the NAME of a variable where the command runs,
    #: perhaps with a * in it. Those that tell how much of the machine is a command's own (CUDA_VISIBLE_DEVICES, OMP_*
    #: and the like), and PYTHONHASHSEED, are always passed on.
    variables: tuple[str, ...] = ()
    #: More options of `exec`.
    options: tuple[str, ...] = ()
    #: What `stamp` says of the file that it has to be; "" for any.
    stamp: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the image is a file or folder, not a URI."""
        return "://" not in self.image

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs `argv` in a container."""
        return (
            "/bin/sh", ENTER, self.image if self.is_local else "", self.stamp, *self.variables, "--",
            self.program, "exec", "--cleanenv",
            *(word for bind in self.binds for word in ("--bind", bind)),
            *(("--nv",) if self.nv else ()), *(("--rocm",) if self.rocm else ()),
            *self.options, self.image, *argv,
        )  # fmt: skip


def bound(paths: Iterable[str], *, writable: bool = True) -> tuple[str, ...]:
    """Return the binds by which `paths` are what they are here, also those that lead through symbolic links.

    A path that lies in another one comes with that. The root folder is left out: it is the container's.
    """
    absolute = [os.path.abspath(path) for path in paths]
    real = sorted({os.path.realpath(path) for path in absolute} - {"/"})
    shown = [path for path in real if not any(path.startswith(f"{other}/") for other in real)]
    links = {path: os.path.realpath(path) for path in absolute if os.path.realpath(path) != path}
    ending = "" if writable else ":ro"
    return (
        *(f"{_escaped(path)}{ending and ':' + _escaped(path)}{ending}" for path in shown),
        *(f"{_escaped(target)}:{_escaped(path)}{ending}" for path, target in _not_within(links, shown)),
    )


def stamp(path: str) -> str:
    """Return what tells a file from the one that takes its place: size, and time of its last change. Raise OSError."""
    found = os.stat(path)
    return f"{found.st_size}-{found.st_mtime_ns // 10**9}"


def _not_within(links: dict[str, str], shown: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield those of `links` that are not themselves in a folder that is shown: those are seen as links."""
    for path, target in links.items():
        if not any(path.startswith(f"{folder}/") for folder in shown):
            yield path, target


def _escaped(path: str) -> str:
    return path.replace(":", "\\:").replace(",", "\\,")
