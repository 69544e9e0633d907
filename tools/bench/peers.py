"""Those that jor is measured against: how they are found, and started."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from environments import Environments
from timing import run

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"
_EXAMPLE = HERE.parent.parent / "examples/basic"


class Peers:
    """The peers that are there; those that are Python packages are installed below `work` when first wanted."""

    def __init__(self, work: Path) -> None:
        self._environments = Environments(work / "environments")

    @property
    def jor(self) -> Path:
        """The command of the jor that is measured."""
        return Path(sys.executable).parent / "jor"

    def python(self, peer: str) -> Path | None:
        """Return the Python of a peer's environment; None when the peer is not there."""
        return self._environments.python(peer)

    @cached_property
    def old(self) -> Path | None:
        """The command of jor 0.1.2; None when it is not there."""
        python = self.python("jor 0.1.2")
        return python and python.parent / "jor"

    @property
    def parallel(self) -> str | None:
        """GNU parallel; None when it is not there."""
        return shutil.which("parallel")

    @property
    def strace(self) -> str | None:
        """The program strace; None when it is not there."""
        return shutil.which("strace")

    def bare_loop(self, kind: str, folder: Path, jobs: int, workers: int) -> list[str]:
        """Return the command of the bare fork-write-wait loop."""
        return [sys.executable, str(DRIVERS / "bare_loop.py"), kind, str(folder), str(jobs), str(workers)]

    def bare_listing(self, folder: Path, outputs: int, kind: str) -> list[str]:
        """Return the command of the listing of a folder and the making of the names."""
        return [sys.executable, str(DRIVERS / "bare_listing.py"), str(folder), str(outputs), kind]

    def copy_example(self, folder: Path) -> None:
        """Copy the basic example, without outputs that may lie there."""
        shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))

    def warm_up(self, folder: Path) -> None:
        """Run jor once, so that its modules are compiled and all that it reads is in the page cache."""
        self.copy_example(folder)
        for command in ("run", "status"):
            run([self.jor, command], folder)

    def versions(self) -> dict[str, str]:
        """Return the versions of the peers that were wanted."""
        return {**self._environments.versions, **{name: _said(name) for name in ("parallel", "xargs", "strace")}}


def _said(program: str) -> str:
    """Return the version that a program tells of itself."""
    if shutil.which(program) is None:
        return "not there"
    number = re.search(r"\d{8}|\d+\.\d+", subprocess.run([program, "--version"], capture_output=True, text=True).stdout)
    return number.group() if number else "unknown"
