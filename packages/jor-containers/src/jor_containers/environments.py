"""Find conda environments by name or prefix: on this machine, or in a container."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .conda import CondaEnvironment
from .discovery import run
from .errors import ContainerError
from .machines import Here, Inside, Machine
from .places import BASE, base, folders, mamba_base, others
from .wrapping import Wrapper

#: Seconds for a conda program to tell where its environments are.
_TIMEOUT = 30.0


def find_environment(wanted: str, environ: Mapping[str, str] | None = None) -> CondaEnvironment:
    """Return the environment that is called `wanted`, or, if that has a slash, whose prefix it is.

    `environ` is the environment in which it is looked for, by default this process's. Of several of one name it is the
    one that conda takes. A conda program is started only for a name that is not found otherwise. Raise ContainerError,
    with the names that are known, when there is none; and when there are several, and none that conda takes.
    """
    machine = Here(os.environ if environ is None else environ)
    if "/" in wanted or wanted.startswith("~"):
        prefix = os.path.abspath(os.path.expanduser(wanted))
        if not _is_environment(prefix):
            raise ContainerError(f"{prefix} is no conda environment", remedy=_told(machine))
        return CondaEnvironment(prefix, _name(prefix, machine))
    listed = [prefix for prefix in _listed(machine.environ) if wanted == _listed_name(prefix)]
    found = _find(wanted, machine, listed) or _find(wanted, machine, _asked(wanted, machine.environ))
    if not found:
        raise ContainerError(f"there is no conda environment {wanted!r}", remedy=_told(machine))
    return CondaEnvironment(found, "base" if wanted in BASE else wanted)


def find_environment_inside(wrapper: Wrapper, wanted: str) -> CondaEnvironment | None:
    """Return the environment that is called `wanted` inside a wrapper, or whose prefix it is there; None for none.

    A prefix that is no absolute path is one of this machine. Raise ContainerError when nothing can be run there, and
    when there are several of that name, and none that conda takes.
    """
    if "/" in wanted and not wanted.startswith("/"):
        return None
    machine = Inside(wrapper)
    if "/" in wanted:
        is_environment, _ = machine.look([wanted]).get(wanted, (False, ""))
        return CondaEnvironment(wanted) if is_environment else None
    found = _find(wanted, machine, ())
    return CondaEnvironment(found, "base" if wanted in BASE else wanted) if found else None


def _find(wanted: str, machine: Machine, listed: Iterable[str]) -> str:
    """Return the prefix of the environment that conda takes for a name; "" for none.

    Where conda does not know it, that is the active one, or else the only one. `listed` are prefixes that are known
    under that name. Raise ContainerError when there are several.
    """
    if wanted in BASE:
        ordered = list(filter(None, (base(machine), mamba_base(machine))))
        unordered = [*others(machine.environ), *listed]
    else:
        ordered = [os.path.join(folder, wanted) for folder in folders(machine)]
        roots = others(machine.environ)
        unordered = [*(os.path.join(root, "envs", wanted) for root in roots), *listed]
    seen = machine.look(list(dict.fromkeys([*ordered, *unordered])))
    taken = next((prefix for prefix in ordered if prefix in seen), "")
    if taken and not seen[taken][0]:
        what = f"conda takes the folder {taken} for {wanted!r}, which is no conda environment"
        raise ContainerError(what, remedy="Remove that folder, or give the prefix of another one")
    active = machine.environ.get("CONDA_PREFIX", "") if machine.environ.get("CONDA_DEFAULT_ENV") == wanted else ""
    if taken or active in seen:
        return taken or active
    return _only_one(wanted, {real: prefix for prefix, (is_one, real) in reversed(seen.items()) if is_one})


def _only_one(wanted: str, prefixes: Mapping[str, str]) -> str:
    if len(prefixes) > 1:
        what = f"there are several conda environments {wanted!r}: {', '.join(sorted(prefixes.values()))}"
        raise ContainerError(what, remedy="Give the prefix of the one that is meant")
    return next(iter(prefixes.values()), "")


def _name(prefix: str, machine: Machine) -> str:
    """Return the name by which a prefix is known; "" for none."""
    if prefix in (base(machine), mamba_base(machine)):
        return "base"
    folder, name = os.path.split(prefix)
    roots = [base(machine), mamba_base(machine), *others(machine.environ)]
    return name if folder in [os.path.join(root, "envs") for root in roots if root] else ""


def _told(machine: Here) -> str:
    known = {os.path.basename(prefix) for folder in folders(machine) for prefix in _below(folder)}
    known |= {os.path.basename(prefix) for root in others(machine.environ) for prefix in _below(f"{root}/envs")}
    known |= {_listed_name(prefix) for prefix in _listed(machine.environ)}
    if not known:
        return "Give the path of one, a folder with conda-meta in it: none is known by name here"
    return f"Choose one of: {', '.join(sorted(known))}; or give a prefix, a path with a slash"


def _is_environment(prefix: str) -> bool:
    return os.path.isdir(os.path.join(prefix, "conda-meta"))


def _listed(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the environments that are active, or that conda has written down as made."""
    prefixes = [environ.get("CONDA_PREFIX", "")]
    try:
        with open(os.path.join(environ.get("HOME", "/"), ".conda", "environments.txt"), "rb") as file:
            prefixes += os.fsdecode(file.read()).split("\n")
    except OSError:
        pass  # one of several places to look: a name that is found in none is told by the caller
    yield from (prefix for prefix in prefixes if prefix and _is_environment(prefix))


def _listed_name(prefix: str) -> str:
    is_base = os.path.isdir(os.path.join(prefix, "condabin"))
    return "base" if is_base else os.path.basename(prefix.rstrip("/"))


def _below(folder: str) -> Sequence[str]:
    """Return the environments in a folder."""
    try:
        return [prefix for name in os.listdir(folder) if _is_environment(prefix := os.path.join(folder, name))]
    except OSError:
        return []


def _asked(wanted: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the prefixes of that name that a conda program tells, if there is one."""
    for program in ("conda", "mamba", "micromamba"):
        path = shutil.which(program, path=environ.get("PATH"))
        if path is None:
            continue
        try:
            _, answer, _ = run([path, "env", "list", "--json"], environ=environ, timeout=_TIMEOUT)
            prefixes = json.loads(answer)["envs"]
        except (ContainerError, ValueError, KeyError, TypeError):
            continue  # the next may tell
        yield from (prefix for prefix in prefixes if isinstance(prefix, str) and _listed_name(prefix) == wanted)
