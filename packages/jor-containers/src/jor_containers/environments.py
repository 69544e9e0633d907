"""Find conda environments by name or prefix: on this machine, or in a container."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping

from .conda import CondaEnvironment
from .discovery import run, why_nothing_runs
from .errors import ContainerError
from .wrapping import Wrapper

#: Where installers put conda, below the home folder or the root.
_USUAL = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", ".conda")
#: Seconds for a conda program to tell where its environments are.
_TIMEOUT = 30.0


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
    status, answer, said = run(wrapper.wrap(["/bin/sh", "-c", script, "sh", *prefixes]))
    if status not in (0, 3):
        raise why_nothing_runs(status, said)
    return CondaEnvironment(answer.strip(), "" if "/" in wanted else wanted) if status == 0 else None


def _told(known: Mapping[str, str]) -> str:
    if not known:
        return "Give the path of one, a folder with conda-meta in it: none is known by name here"
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
            _, answer, _ = run([path, "env", "list", "--json"], environ=environ, timeout=_TIMEOUT)
            prefixes = json.loads(answer)["envs"]
        except (ContainerError, ValueError, KeyError, TypeError):
            continue  # the next may tell
        yield from (prefix for prefix in prefixes if isinstance(prefix, str))
