"""Fixtures: a real conda environment, and a project that runs in it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
#: A Python in which there is no jor.
BARE = str(getattr(sys, "_base_executable", sys.executable))

MODULE = """\
import os, sys
import jor

class Jobs(jor.JobsBase):
    name = "out"
    mem = "100M"
    time = "5"

    def _mk_jobs(self):
        self._jobs = [dict(n=n) for n in range(4)]

    def execute(self, i):
        told = [os.environ.get("CONDA_PREFIX"), os.environ.get("OF_THE_ENVIRONMENT"), os.path.basename(jor.__path__[0])]
        print("runs in", *told)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"{i} {told[0]} {told[1]} {'jor.pyz' in jor.__file__}")
"""


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a function that makes an environment called testbed, and returns the folder that holds all."""
    if importlib.util.find_spec("rattler") is None and "JOR_REQUIRE_CONDA" not in os.environ:
        pytest.skip("py-rattler, which makes conda environments, is not installed")
    spec = importlib.util.spec_from_file_location("testbed_conda", ROOT / "tools" / "testbed" / "conda.py")
    assert spec is not None
    assert spec.loader is not None
    testbed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(testbed)

    def make(python: str = BARE, **options: Any) -> Path:
        folder = tmp_path_factory.mktemp("conda")
        testbed.make(folder, python, **options)
        return folder

    return make


@pytest.fixture(scope="session")
def environment(make_environment: Callable[..., Path]) -> Path:
    """Give the root of an environment with a script and a Python that has no jor."""
    files = {"etc/conda/activate.d/settings.sh": "export OF_THE_ENVIRONMENT='it is here'\n"}
    return make_environment(files=files)


@pytest.fixture
def jor(tmp_path: Path) -> Callable[..., str]:
    """Give the command jor in a project; it has to end with `code`."""
    (tmp_path / "jobs_out.py").write_text(MODULE)
    (tmp_path / "todo.yaml").write_text("jobs:\n  - jobmodule: jobs_out\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOR_", "CONDA", "MAMBA"))}

    def run(*args: str, root: Path, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "jor_cli", *args],
            cwd=tmp_path,
            env={**kept, "MAMBA_ROOT_PREFIX": str(root), "COLUMNS": "80", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    return run
