"""Fixtures: real conda environments and container images, and a project that runs in them.

On a laptop, tests are skipped for want of them; the nox sessions `conda` and `apptainer` provide them, or fail.
"""

from __future__ import annotations

import ast
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
        told = {
            "job": i,
            "prefix": os.environ.get("CONDA_PREFIX"),
            "image": os.environ.get("APPTAINER_CONTAINER"),
            "bundled": "jor.pyz" in jor.__file__,
            "version": ".".join(map(str, sys.version_info[:2])),
            "directory": os.getcwd(),
            "environment": dict(os.environ),
        }
        print("runs in", told["prefix"], told["image"])
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(repr(told))
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


@pytest.fixture(scope="session")
def images() -> Path:
    """Give the folder of images that tools/testbed/apptainer.py has made, beside Apptainer itself."""
    folder = os.environ.get("JOR_TEST_IMAGES")
    if not folder:
        pytest.skip("there are no images: run nox -s apptainer, as root")
    return Path(folder)


@pytest.fixture(scope="session")
def core() -> str:
    """Give the wheel of jor-core."""
    wheel = os.environ.get("JOR_TEST_CORE")
    if not wheel:
        pytest.skip("there is no wheel of jor-core: run nox -s apptainer, as root")
    return wheel


#: A job module that can be loaded only where `onlythere` is.
PICKY = """\
import os
import jor
import onlythere

class Jobs(jor.JobsBase):
    name = "picky"
    mem = "123M"
    slurm = {"constraint": "big"}

    def _mk_jobs(self):
        self._jobs = [dict(n=n, pair=(n, 1.5)) for n in range(3)]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(str(onlythere.value))

    def collect(self):
        print("collecting", len(self.existing_outputs))
        with open(os.path.join(self.path_prefix, "all.txt"), "w") as file:
            file.write(" ".join(open(path).read() for path in self.existing_outputs))
"""


class Project:
    """A folder with a job module, and the command jor in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "jobs_out.py").write_text(MODULE)
        (folder / "todo.yaml").write_text("jobs:\n  - jobmodule: jobs_out\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOR_", "CONDA", "MAMBA"))}
        self.environment = {**kept, "COLUMNS": "80", "XDG_CACHE_HOME": str(folder / "cache")}

    def __call__(self, *args: str, code: int = 0, **variables: str) -> str:
        """Run jor, which has to end with `code`; return all that it said."""
        done = subprocess.run(
            [sys.executable, "-m", "jor_cli", *args],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    @property
    def told(self) -> list[dict[str, Any]]:
        """What each job has told of where it ran."""
        return [ast.literal_eval(path.read_text()) for path in sorted(self.folder.glob("out/n*.txt"))]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project."""
    return Project(tmp_path)


@pytest.fixture
def jor(project: Project, environment: Path) -> Project:
    """Give the command jor in a project for which the environment testbed is known."""
    project.environment["MAMBA_ROOT_PREFIX"] = str(environment)
    return project


@pytest.fixture
def inside(project: Project, images: Path) -> Project:
    """Give the command jor in a project that finds Apptainer."""
    project.environment["PATH"] = f"{images}/apptainer/bin:{os.environ['PATH']}"
    return project
