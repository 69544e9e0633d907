"""Find programs, images, and conda environments by name; look into them."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from .conda import CondaEnvironment
from .errors import ContainerError
from .wrapping import Wrapper

#: Where installers put conda, below the home folder or the root.
_USUAL = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", ".conda")
#: Seconds for a conda program to tell where its environments are.
_TIMEOUT = 30.0
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
        remedy = "Make one: apptainer build image.sif SOURCE" if start else "Make it anew: it is empty"
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
        status, answer, said = _run(wrapper.wrap([python, "-c", _LOOK, *words]), directory)
        if status == 0:
            return Inside(python, said=said, **ast.literal_eval(answer.splitlines()[-1]))
        if not re.search(rf"{re.escape(python)}\"?: ((executable file )?not found|no such file)", said, re.IGNORECASE):
            raise _why_nothing_runs(status, said)
    raise ContainerError(f"there is no {' or '.join(pythons)} in it", remedy="Install Python 3 in it")


def find_environment_inside(wrapper: Wrapper, wanted: str) -> CondaEnvironment | None:
    """Return the environment that is called `wanted` inside a wrapper, or whose prefix it is there; None for none.

    A prefix that is no absolute path is one of this machine. Raise ContainerError when nothing can be run there.
    """
    if wanted.startswith("/"):
        prefixes = [wanted]
    elif "/" in wanted:
        return None
    else:
        roots = list(_roots({}))
        prefixes = roots if wanted == "base" else [os.path.join(root, "envs", wanted) for root in roots]
    script = 'for prefix; do if [ -d "$prefix/conda-meta" ]; then echo "$prefix"; exit; fi; done; exit 3'
    status, answer, said = _run(wrapper.wrap(["/bin/sh", "-c", script, "sh", *prefixes]))
    if status not in (0, 3):
        raise _why_nothing_runs(status, said)
    return CondaEnvironment(answer.strip(), "" if "/" in wanted else wanted) if status == 0 else None


def labels(program: str, image: str) -> dict[str, str]:
    """Return the labels of an image as `inspect` tells them; {} for none, and where there is no program."""
    try:
        status, answer, _ = _run([program, "inspect", "--json", "--labels", image])
        found = json.loads(answer)["data"]["attributes"]["labels"] if status == 0 else {}
        return {str(name): str(value) for name, value in (found or {}).items()}
    except (ContainerError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _run(argv: Sequence[str], directory: str | None = None) -> tuple[int, str, str]:
    """Return the exit status, the standard output, and what else was said."""
    try:
        done = subprocess.run(
            argv,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ContainerError(
            f"{argv[0]} cannot be run: {error}", remedy="Start it by hand, and see what it says"
        ) from error
    return done.returncode, done.stdout, done.stderr.strip()


def _why_nothing_runs(status: int, said: str) -> ContainerError:
    if status == _TOLD:
        what, _, remedy = said.rpartition("Error: ")[2].partition("\n")
        return ContainerError(what, remedy=remedy.strip())
    why = said.splitlines()[-1].strip() if said else f"exit status {status}"
    return ContainerError(f"nothing runs in it: {why}", remedy=_BY_HAND)


def find_environment(wanted: str, environ: Mapping[str, str] | None = None) -> CondaEnvironment:
    """Return the environment that is called `wanted`, or, if that has a slash, whose prefix it is.

    `environ` is the environment in which it is looked for, by default this process's. A conda program is started only
    for a name that is not found otherwise. Raise ContainerError, with the names that are known, when there is none.
    """
    environ = os.environ if environ is None else environ
    known = dict(_by_name(_roots(environ), _listed(environ)))
    if "/" in wanted or wanted.startswith("~"):
        prefix = os.path.abspath(os.path.expanduser(wanted))
        if not _is_environment(prefix):
            raise ContainerError(f"{prefix} is no conda environment", remedy=_told(known))
        names = [name for name, path in known.items() if os.path.realpath(path) == os.path.realpath(prefix)]
        return CondaEnvironment(prefix, names[0] if names else "")
    if wanted not in known:
        known.update(_by_name((), _asked(environ)))
    if wanted not in known:
        raise ContainerError(f"there is no conda environment {wanted!r}", remedy=_told(known))
    return CondaEnvironment(known[wanted], wanted)


def _told(known: Mapping[str, str]) -> str:
    if not known:
        return "Give its prefix, a path with a slash: none was found on this machine"
    return f"Choose one of: {', '.join(sorted(known))}; or give a prefix, a path with a slash"


def _is_environment(prefix: str) -> bool:
    return os.path.isdir(os.path.join(prefix, "conda-meta"))


def _roots(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield prefixes of base environments, whether they exist or not."""
    for name in ("CONDA_EXE", "MAMBA_EXE", "_CONDA_EXE"):
        if environ.get(name):
            yield os.path.dirname(os.path.dirname(environ[name]))
    for name in ("CONDA_ROOT", "_CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        if environ.get(name):
            yield environ[name]
    home = environ.get("HOME", "")
    yield from (os.path.join(home, name) for name in _USUAL if home)
    yield from ("/opt/conda", *(os.path.join("/opt", name) for name in _USUAL))


def _listed(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield prefixes that are written down somewhere, whether they exist or not."""
    for name in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        for folder in filter(None, environ.get(name, "").split(os.pathsep)):
            yield from _below(folder)
    try:
        with open(os.path.join(environ.get("HOME", "/"), ".conda", "environments.txt"), "rb") as file:
            yield from os.fsdecode(file.read()).split("\n")
    except OSError:
        pass  # one of several places to look: a name that is found in none is told by the caller
    yield environ.get("CONDA_PREFIX", "")


def _below(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def _by_name(roots: Iterable[str], listed: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and prefix of each environment there is; of those of one name, the one that counts comes last."""
    found: list[tuple[str, str]] = []
    for root in roots:
        found += [
            ("base", root),
            *((os.path.basename(prefix), prefix) for prefix in _below(os.path.join(root, "envs"))),
        ]
    for prefix in listed:
        is_base = os.path.isdir(os.path.join(prefix, "condabin"))
        found.append(("base" if is_base else os.path.basename(prefix.rstrip("/")), prefix))
    yield from ((name, prefix) for name, prefix in reversed(found) if prefix and _is_environment(prefix))


def _asked(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the prefixes that a conda program tells, if there is one."""
    for program in ("conda", "mamba", "micromamba"):
        path = shutil.which(program, path=environ.get("PATH"))
        if path is None:
            continue
        try:
            done = subprocess.run(
                [path, "env", "list", "--json"], env=dict(environ), capture_output=True, timeout=_TIMEOUT, check=True
            )
            prefixes = json.loads(done.stdout)["envs"]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
            continue  # the next may tell
        yield from (prefix for prefix in prefixes if isinstance(prefix, str))
