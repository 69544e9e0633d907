"""Where it was measured."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from sizes import workers

PACKAGES = ("jor-core", "jor-slurm", "jor-containers", "jor-cli", "click", "rich", "attrs", "cattrs", "PyYAML")


def facts(folder: Path) -> dict[str, str]:
    """Return the machine, its software, and the file system that `folder` lies on."""
    return {
        "time": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "system": platform.platform(),
        "processor": _processor(),
        "CPUs": str(workers()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "file system": _file_system(folder),
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()  # no /proc (macOS)
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"  # no /proc (macOS)
    holding = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return max(holding, key=lambda mount: len(mount[1]))[2]
