"""What the control groups that hold this process let it use, memory and CPU time, and whether it was too much.

Sources: cgroups(7), proc_pid_mountinfo(5); of Linux, Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst,
Documentation/scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import os
import re
from typing import Iterator, NamedTuple


class ControlGroup(NamedTuple):
    """One group that this process is in: its folder, and what to call it in a message."""

    folder: str
    name: str


def memory_limits(root: str = "/") -> Iterator[tuple[int, str]]:
    """Yield each limit of memory, bytes, with the group that has it. The files are looked for below `root`."""
    for group in _groups(root, "memory"):
        # memory.high is no hard limit, but who goes beyond is slowed down until he does not.
        for file in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            (limit,) = _numbers(group, file, 1)
            if limit is not None:
                yield limit, group.name


def cpu_limits(root: str = "/") -> Iterator[tuple[float, str]]:
    """Yield each limit of CPU time, in CPUs, with the group that has it. The files are looked for below `root`."""
    for group in _groups(root, "cpu"):
        quota, period = _numbers(group, "cpu.max", 2)
        if quota is None:
            (quota,), (period,) = _numbers(group, "cpu.cfs_quota_us", 1), _numbers(group, "cpu.cfs_period_us", 1)
        if quota is not None and period:
            yield quota / period, group.name


def oom_kills(root: str = "/") -> int | None:
    """Return how many processes of this one's group the kernel has killed because memory was short; None if unknown."""
    for own, *_ in _hierarchies(root, "memory"):
        for file in ("memory.oom_control", "memory.events"):
            for line in _read(own.folder, file).splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and count.isdigit():
                    return int(count)
    return None


def _groups(root: str, controller: str) -> Iterator[ControlGroup]:
    """Yield the groups, of either version, that this process is in: its own, and those above it that can be seen."""
    for groups in _hierarchies(root, controller):
        yield from groups


def _hierarchies(root: str, controller: str) -> Iterator[list[ControlGroup]]:
    """Yield the same for each hierarchy that may have the controller: this process's own group first."""
    mounts = list(_mounts(_read(root, "proc/self/mountinfo")))
    for line in _read(root, "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") or (number == "0" and not controllers):
            for kinds, top, place in mounts:
                if (controller in kinds) if controllers else not kinds:
                    yield list(_upwards(root, path, top, place))
                    break


def _upwards(root: str, path: str, top: str, place: str) -> Iterator[ControlGroup]:
    """Yield the groups from `path` up to `top`, which is mounted at `place`.

    A container may have a path that holds outside of it, and its own group mounted; then that is all it can see.
    """
    inside = os.path.relpath(path, top)
    inside = "." if inside.startswith("..") else inside
    while True:
        folder = os.path.normpath(os.path.join(root, place.lstrip("/"), inside))
        yield ControlGroup(folder, os.path.normpath(os.path.join("/", top, inside)))
        if inside == ".":
            return
        inside = os.path.dirname(inside) or "."


def _mounts(mountinfo: str) -> Iterator[tuple[frozenset[str], str, str]]:
    """Yield the mounted hierarchies: controllers, none for version 2; which group is at the top; and where."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) >= 5 and len(kind) >= 3 and kind[0] in ("cgroup", "cgroup2"):
            controllers = frozenset(kind[2].split(",")) if kind[0] == "cgroup" else frozenset[str]()
            yield controllers, _plain(fields[3]), _plain(fields[4])


def _plain(field: str) -> str:
    r"""Return a field of mountinfo without its escapes: \040 is a blank."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _numbers(group: ControlGroup, file: str, count: int) -> list[int | None]:
    """Return the first `count` numbers in a file of a group; None where it has none, or says that there is no limit."""
    words = _read(group.folder, file).split()[:count]
    return [int(word) if word.isdigit() else None for word in [*words, *[""] * count][:count]]


def _read(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""  # there is none: another version, another system, the topmost group
