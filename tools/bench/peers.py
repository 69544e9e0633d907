"""Those that jor is measured against: how they are found, made, and started."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from timing import run

HERE = Path(__file__).parent
_EXAMPLE = HERE.parent.parent / "examples/basic"
#: What the old jor needs: itself, and the parser that it does not ask for.
OLD_PACKAGES = ("jor==0.1.2", "pyyaml")


class Peers:
    """The peers that are there; the old jor is installed below `work` when it is first wanted."""

    def __init__(self, work: Path) -> None:
        self._work = work

    @property
    def jor(self) -> Path:
        """The command of the jor that is measured."""
        return Path(sys.executable).parent / "jor"

    @cached_property
    def old(self) -> Path | None:
        """The command of jor 0.1.2 in an environment of its own; None when it cannot be installed."""
        environment = self._work / "jor-0.1.2"
        try:
            subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True)
            pip = [environment / "bin/python", "-m", "pip", "install", "--quiet", *OLD_PACKAGES]
            subprocess.run(pip, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            print(f"[bench] no jor 0.1.2: {error}\n{error.stderr}", file=sys.stderr)
            return None
        return environment / "bin/jor"

    @property
    def parallel(self) -> str | None:
        """GNU parallel; None when it is not there."""
        return shutil.which("parallel")

    def bare_loop(self, folder: Path, jobs: int, workers: int) -> list[str]:
        """Return the command of the bare fork-write-wait loop."""
        return [sys.executable, str(HERE / "bare_loop.py"), str(folder), str(jobs), str(workers)]

    def bare_listing(self, folder: Path, outputs: int, kind: str) -> list[str]:
        """Return the command of the listing of a folder and the making of the names."""
        return [sys.executable, str(HERE / "bare_listing.py"), str(folder), str(outputs), kind]

    def copy_example(self, folder: Path) -> None:
        """Copy the basic example, without outputs that may lie there."""
        shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))

    def warm_up(self, folder: Path) -> None:
        """Run jor once, so that its modules are compiled and all that it reads is in the page cache."""
        self.copy_example(folder)
        for command in ("run", "status"):
            run([self.jor, command], folder)

    def versions(self) -> dict[str, str]:
        """Return the versions of those that are no Python packages."""
        if self.parallel is None:
            return {"GNU parallel": "not there"}
        said = subprocess.run([self.parallel, "--version"], capture_output=True, text=True).stdout
        number = re.search(r"\d{8}", said)
        return {"GNU parallel": number.group() if number else "unknown"}
