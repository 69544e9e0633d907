"""Which cluster Slurm's commands here belong to, found out without asking any of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping

#: What in the environment decides on the cluster, besides PATH.
_VARIABLES = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS")
#: Where slurm.conf stands by default: as packages have it, as it is fetched from the controller ("configless").
_FILES = ("/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/etc/slurm-llnl/slurm.conf")
#: What tells hosts from each other, also those of one name.
_HOST_FILES = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")


def cluster_key(environment: Mapping[str, str], program: str) -> str:
    """Return a text that is another one for each cluster, and user; the same on all login hosts of a cluster.

    It is made of the text of slurm.conf: two clusters that share a home folder may both have it in the same place.
    Where there is none, it holds for this host alone.
    """
    parts = [str(os.getuid()), *(environment.get(name, "") for name in _VARIABLES)]
    # A front end, or the commands of another installation, may answer otherwise.
    parts.append(_found(program, environment.get("PATH", os.defpath)))
    texts = map(_with_includes, _candidates(environment.get("SLURM_CONF", ""), parts[-1]))
    found = next(filter(None, texts), None)
    parts.append(_digest(found) if found else _host())
    return "\0".join(parts)


def _found(program: str, path: str) -> str:
    """Return where a program is; '' for nowhere. Not by shutil, whose import costs more than the cache saves."""
    places = (os.path.join(folder, program) for folder in path.split(os.pathsep))
    found = next((place for place in places if os.access(place, os.X_OK)), "")
    return os.path.realpath(found) if found else ""


def _candidates(named: str, command: str) -> Iterator[str]:
    if named:
        yield named
        return
    # As configure sets it, unless it is told otherwise: PREFIX/etc.
    prefix = os.path.dirname(os.path.dirname(command))
    if prefix not in ("/", "/usr"):
        yield os.path.join(prefix, "etc", "slurm.conf")
        yield os.path.join(prefix, "etc", "slurm", "slurm.conf")
    yield from _FILES


def _with_includes(path: str) -> bytes:
    text = _read(path)
    names = re.findall(rb"(?im)^[ \t]*include[ \t]+(\S+)", text)
    return text + b"".join(_read(os.path.join(os.path.dirname(path), os.fsdecode(name))) for name in names)


def _host() -> str:
    return "\0".join((os.uname().nodename, *(_digest(_read(path)) for path in _HOST_FILES)))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(10_000_000)
    except OSError:
        return b""
