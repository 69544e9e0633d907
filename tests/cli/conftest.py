"""Fixtures: the command in a folder with the example, golden files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Give a copy of the basic example."""
    shutil.copytree(ROOT / "examples" / "basic", tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment without options of jor, for a terminal of 80 columns."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("JOR_")}
    return {**inherited, "COLUMNS": "80"}


@pytest.fixture
def jor(tmp_path: Path, environment: dict[str, str]) -> Callable[..., str]:
    """Give a function that runs the command and returns all that it says, standard error after standard output."""

    def run(*args: str) -> str:
        command = [sys.executable, "-m", "jor_cli", *args]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    return run


@pytest.fixture
def agrees_with_golden(tmp_path: Path) -> Callable[[str, str], None]:
    """Give a function that holds a text against the golden file of that name.

    With JOR_UPDATE_GOLDEN=1 the file is made anew instead: read the difference before it is committed.
    """

    def agrees(text: str, name: str) -> None:
        normal = text.replace(str(tmp_path), "/project").replace(sys.executable, "/python")
        normal = re.sub(r"\d{8}-\d{9}-[0-9a-f]{10}", "<run>", normal)
        normal = re.sub(r"(\.jor/[\w.-]+)-[0-9a-f]{8}/", r"\1-<hash>/", normal)
        golden = GOLDEN / name
        if os.environ.get("JOR_UPDATE_GOLDEN") == "1":
            golden.write_text(normal)
        assert golden.exists(), f"{golden} is missing: make it with JOR_UPDATE_GOLDEN=1, and read it"
        assert normal == golden.read_text()

    return agrees
