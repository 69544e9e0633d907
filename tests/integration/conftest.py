"""Fixtures: the command, projects to call it in, file systems."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .commands import SLOW_JOBS, Jor

EXAMPLE = Path(__file__).parents[2] / "examples" / "basic"


@pytest.fixture
def jor(tmp_path: Path) -> Iterator[Jor]:
    """Give the command; end all that it has started."""
    command = Jor(tmp_path)
    yield command
    command.end()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Give a copy of the basic example."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Give a function that writes files: name without suffix -> text of a job module; todo -> todo.yaml."""

    def write_files(**files: str) -> None:
        names = {"todo": "todo.yaml", "cfg": "jor.cfg"}
        for name, text in files.items():
            (tmp_path / names.get(name, f"{name}.py")).write_text(text)

    return write_files


@pytest.fixture
def slow(write: Callable[..., None], tmp_path: Path) -> Path:
    """Give a project of 40 jobs of 30 ms; return the folder of their outputs."""
    write(slow=SLOW_JOBS, todo="jobs:\n- jobmodule: slow\n  jobargs: n=40\n", cfg="[local]\nworkers = 2\n")
    return tmp_path / "slow"


@pytest.fixture
def mount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """Give a function that mounts a file system in memory, and returns where; undone after the test."""
    folders: list[Path] = []
    numbers = itertools.count()

    def mount_tmpfs(options: str) -> Path:
        folder = tmp_path_factory.mktemp(f"mount{next(numbers)}")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    yield mount_tmpfs
    for folder in folders:
        subprocess.run(["umount", "-l", folder], check=True)
