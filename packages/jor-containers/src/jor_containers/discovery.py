"""Find programs and images, and look into what a wrapper leads to."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence

import attrs

from .errors import ContainerError
from .wrapping import Wrapper

#: Seconds for a container to start, with an image that has to be fetched.
_PATIENCE = 1800.0
_BY_HAND = "Start a shell in it by hand, and see what it says"
#: Status with which a wrapper's script ends that has said why it cannot run a command (EX_CONFIG).
_TOLD = 78
#: Magic numbers of image files, and where: SIF, squashfs, ext3.
_MAGIC = ((32, b"SIF_MAGIC"), (0, b"hsqs"), (1080, b"\x53\xef"))
#: Prints what there is inside; for any Python, however old and small.
_LOOK = """\
import os, sys
def lacks(module):
    try:
        __import__(module)
    except ImportError:
        return True
readable, writable = int(sys.argv[1]), int(sys.argv[2])
words = sys.argv[3:]
print(repr({
    "version": tuple(sys.version_info[:3]),
    "unreadable": tuple(path for path in words[:readable] if not os.access(path, os.R_OK)),
    "unwritable": tuple(path for path in words[readable:readable + writable] if not os.access(path, os.W_OK)),
    "lacking": tuple(module for module in words[readable + writable:] if lacks(module)),
}))
"""


@attrs.frozen
class Inside:
    """What a command finds where a wrapper runs it."""

    #: The Python there: a name or path, and its version.
    python: str
    version: tuple[int, ...]
    #: Of the paths that were asked for, those that cannot be read, and those that cannot be written to.
    unreadable: tuple[str, ...]
    unwritable: tuple[str, ...]
    #: Of the modules that were asked for, those that cannot be imported.
    lacking: tuple[str, ...]
    #: What else was said on the way there, by an activation script for example.
    said: str


def find_program(wanted: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Return the path of the program `wanted`, or else of apptainer or singularity, whichever is found first.

    Raise ContainerError when it is not there.
    """
    path = (os.environ if environ is None else environ).get("PATH")
    names = [wanted] if wanted else ["apptainer", "singularity"]
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None:
        raise ContainerError(
            f"there is no program {' or '.join(names)} on this machine", remedy="Install it, or load its module"
        )
    return os.path.abspath(found)


def find_image(wanted: str) -> str:
    """Return the absolute path of an image, which is a file or a sandbox folder; a URI as it is.

    Raise ContainerError when it is missing, cannot be read, or is no image.
    """
    if "://" in wanted:
        return wanted
    path = os.path.abspath(os.path.expanduser(wanted))
    remedy = "Name a SIF file, or a sandbox folder"
    try:
        if os.path.isdir(path):
            os.stat(os.path.join(path, "."))  # raises where it may not be entered
            if not any(os.path.exists(os.path.join(path, part)) for part in (".singularity.d", "bin", "usr/bin")):
                raise ContainerError(f"the folder {path} is no image", remedy=remedy)
            return path
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise ContainerError(f"{path} is no image: neither a file nor a folder", remedy=remedy)
        with open(path, "rb") as file:
            start = file.read(2048)
    except OSError as error:
        if isinstance(error, PermissionError):
            remedy = "Make it readable, and the folders it lies in"
        raise ContainerError(f"the image {path} cannot be read: {error.strerror}", remedy=remedy) from error
    if not any(start[place : place + len(magic)] == magic for place, magic in _MAGIC):
        remedy = "Make one: apptainer build image.sif SOURCE" if start else "Make it again: it is empty"
        raise ContainerError(f"the file {path} is no image of Singularity or Apptainer", remedy=remedy)
    return path


def look_inside(
    wrapper: Wrapper,
    pythons: Sequence[str] = ("python3", "python"),
    *,
    readable: Sequence[str] = (),
    writable: Sequence[str] = (),
    modules: Sequence[str] = (),
    directory: str | None = None,
) -> Inside:
    """Return what there is inside a wrapper, by starting the first of `pythons` there is, from the folder `directory`.

    Raise ContainerError when there is none of them, with what was said instead.
    """
    words = [str(len(readable)), str(len(writable)), *readable, *writable, *modules]
    for python in pythons:
        status, answer, said = run(wrapper.wrap([python, "-c", _LOOK, *words]), directory)
        if status == 0:
            return Inside(python, said=said, **ast.literal_eval(answer.splitlines()[-1]))
        if not re.search(rf"{re.escape(python)}\"?: ((executable file )?not found|no such file)", said, re.IGNORECASE):
            raise why_nothing_runs(status, said)
    raise ContainerError(f"there is no {' or '.join(pythons)} in it", remedy="Install Python 3 in it")


def labels(program: str, image: str) -> dict[str, str]:
    """Return the labels of an image as `inspect` tells them; {} for none, and where there is no program."""
    try:
        status, answer, _ = run([program, "inspect", "--json", "--labels", image])
        found = json.loads(answer)["data"]["attributes"]["labels"] if status == 0 else {}
        return {str(name): str(value) for name, value in (found or {}).items()}
    except (ContainerError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def run(
    argv: Sequence[str],
    directory: str | None = None,
    environ: Mapping[str, str] | None = None,
    timeout: float = _PATIENCE,
) -> tuple[int, str, str]:
    """Return the exit status of a command, its standard output, and what else it said.

    Raise ContainerError when it cannot be started, or has not ended after `timeout` seconds.
    """
    try:
        done = subprocess.run(
            argv,
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ContainerError(
            f"{argv[0]} cannot be run: {error}", remedy="Start it by hand, and see what it says"
        ) from error
    return done.returncode, done.stdout, done.stderr.strip()


def why_nothing_runs(status: int, said: str) -> ContainerError:
    """Return the error for a wrapper in which a command ended with `status` and said this."""
    if status == _TOLD:
        what, _, remedy = said.rpartition("Error: ")[2].partition("\n")
        return ContainerError(what, remedy=remedy.strip())
    why = said.splitlines()[-1].strip() if said else f"exit status {status}"
    return ContainerError(f"nothing runs in it: {why}", remedy=_BY_HAND)
