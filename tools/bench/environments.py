"""Peers that are Python packages: each is installed into an environment of its own, so that none disturbs another."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

#: What the jobs `numeric` import.
NUMERIC = ("numpy", "scipy")
#: Name of a peer -> the packages that it needs.
PACKAGES = {
    "jor 0.1.2": ("jor==0.1.2", "pyyaml", *NUMERIC),  # it does not ask for the parser that it needs
    "submitit": ("submitit", *NUMERIC),
    "HyperQueue": ("hyperqueue", *NUMERIC),
    "joblib": ("joblib", *NUMERIC),
    "snakemake": ("snakemake", "snakemake-executor-plugin-slurm", *NUMERIC),
}


class Environments:
    """The environments below a folder, each made when it is first wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: The version of each peer that was wanted.
        self.versions: dict[str, str] = {}
        self.python = cache(self._make)

    def _make(self, name: str) -> Path | None:
        """Return the Python of a peer's environment; None when it cannot be installed, which is said."""
        python = self._folder / name.replace(" ", "-") / "bin/python"
        try:
            _install(python, PACKAGES[name])
        except subprocess.CalledProcessError as error:
            print(f"[bench] no {name}: {error}\n{error.stderr}", file=sys.stderr)
            self.versions[name] = "not there"
            return None
        self.versions |= {f"{name}": self._version(python, PACKAGES[name][0])}
        if name == "snakemake":
            self.versions["its plugin for Slurm"] = self._version(python, PACKAGES[name][1])
        return python

    def _version(self, python: Path, package: str) -> str:
        code = f"from importlib.metadata import version; print(version('{package.partition('==')[0]}'))"
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _install(python: Path, packages: tuple[str, ...]) -> None:
    environment = python.parent.parent
    uv = shutil.which("uv")
    make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    _run([*make, str(environment)])
    # Compiled as pip does it: else the first to import a module would pay for it.
    install = [uv, "pip", "install", "--compile-bytecode", "--python"] if uv else []
    _run([*install, str(python), *packages] if uv else [str(python), "-m", "pip", "install", "--quiet", *packages])


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True)
