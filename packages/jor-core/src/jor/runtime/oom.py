"""Whether the kernel has killed a process for want of memory: what its control groups tell.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst of Linux.
"""

from __future__ import annotations

import os


def oom_kills() -> int | None:
    """Return how many processes of this one's control group were killed for want of memory; None if nobody counts."""
    for path in _counters():
        try:
            with open(path) as file:
                for line in file:
                    name, _, count = line.partition(" ")
                    if name == "oom_kill":
                        return int(count)
        except (OSError, ValueError):
            continue
    return None


def _counters() -> list[str]:
    try:
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return []
    paths = []
    for _, controllers, group in groups:
        if "memory" in controllers.split(","):
            paths.append(os.path.join("/sys/fs/cgroup/memory", group.lstrip("/"), "memory.oom_control"))
        elif not controllers:
            paths.append(os.path.join("/sys/fs/cgroup", group.lstrip("/"), "memory.events"))
    return paths
