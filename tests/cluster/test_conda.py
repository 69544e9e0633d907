"""Array tasks in a real conda environment."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from .conftest import ROOT

BARE = str(getattr(sys, "_base_executable", sys.executable))


@pytest.fixture
def prefix(tmp_path_factory):
    """Make an environment whose Python has no jor; return its prefix."""
    if importlib.util.find_spec("rattler") is None and "JOR_REQUIRE_SLURM" not in os.environ:
        pytest.skip("py-rattler, which makes conda environments, is not installed")
    program = ROOT / "tools" / "testbed" / "conda.py"
    command = [sys.executable, str(program), str(tmp_path_factory.mktemp("conda")), BARE]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def test_array_tasks_run_in_the_environment(project, prefix):
    project.configure(jobs_per_task=2)
    project.write(list(range(4)), "how = f\"{os.environ['CONDA_PREFIX']} {sys.executable}\"")
    project.jor("run", "--wait", "--condaenv", prefix, CONDA_PREFIX="/old", CONDA_SHLVL="2")
    assert sorted(project.ran) == [0, 1, 2, 3]
    told = {(project.folder / "out" / name).read_text() for name in project.outputs}
    assert {text.split()[0] for text in told} == {prefix}


def test_environment_that_goes_away_while_tasks_wait_is_told(project, prefix):
    project.configure(options="--hold")
    project.write([0], "pass")
    project.jor("run", "--condaenv", prefix)
    os.rename(f"{prefix}/conda-meta", f"{prefix}/gone")
    project.slurm("scontrol", "release", project.queue("%F")[0])
    project.wait()
    assert json.loads(project.jor("status", "--json"))["counts"]["missing"] == 1
    assert "it is not there" in (project.runs[-1] / "task-0.log").read_text()
    assert "task-0.log" in project.jor("status")
    project.until(lambda: "exit status 78" in project.jor("status"))  # the accounting tells
