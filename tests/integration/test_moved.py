"""A project that is moved, renamed or copied together with its outputs keeps what is known of its jobs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from .commands import SLOW_JOBS, Jor, wait_until

JOBS = """\
import jor


class Jobs(jor.JobsBase):
    name = "mixed"

    def __init__(self, data="", path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"i": i} for i in range(3)]

    def execute(self, i):
        print("job", i, "speaks")
        if i == 1:
            raise ValueError("no convergence")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project of three jobs, of which one fails."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mixed.py").write_text(JOBS)
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: mixed\n  jobargs: {{data: {folder}/data.csv}}\n")
    return folder


def states(folder: Path) -> dict[str, int]:
    entry = json.loads(Jor(folder)("status", "--json").out)["entries"][0]
    return {state: count for state, count in entry["counts"].items() if count}


def reasons(folder: Path) -> list[str]:
    entry = json.loads(Jor(folder)("status", "--json").out)["entries"][0]
    return [problem["reason"] for problem in entry["problems"]]


def move(project: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    os.rename(project, to)
    rewrite(project, to)


def copy(project: Path, to: Path) -> None:
    shutil.copytree(project, to, symlinks=True)
    rewrite(project, to)


def rewrite(project: Path, to: Path) -> None:
    """Let the arguments of a project that was at `project` name paths below `to`."""
    todo = to / "todo.yaml"
    todo.write_text(todo.read_text().replace(str(project), str(to)))


@pytest.mark.parametrize("take", [move, copy])
def test_project_taken_elsewhere_keeps_states_reasons_and_logs(project, tmp_path, take):
    assert Jor(project)("run").code == 1
    elsewhere = tmp_path / "elsewhere" / "renamed"
    take(project, elsewhere)

    assert states(elsewhere) == {"done": 2, "failed": 1}
    assert reasons(elsewhere) == ["ValueError: no convergence"]
    assert "job 1 speaks" in Jor(elsewhere)("logs", "mixed", "1").out
    story = Jor(elsewhere)("show", "mixed", "1").out
    assert "no convergence" in story
    assert str(project / "") not in story


def test_jobs_that_run_are_history_in_a_copy(jor, tmp_path):
    project, twin = tmp_path / "project", tmp_path / "twin"
    project.mkdir()
    (project / "slow.py").write_text(SLOW_JOBS)
    (project / "todo.yaml").write_text("jobs:\n- jobmodule: slow\n  jobargs: n=3\n")
    jor.folder = project
    jor.start("run", "--workers", "1", SECONDS_OF_JOBS="20")
    wait_until(lambda: (project / "executed.log").exists())
    copy(project, twin)

    assert states(project) == {"running": 1, "queued": 2}
    assert states(twin) == {"interrupted": 1, "missing": 2}
    assert reasons(twin) == [f"it was begun in {project / 'slow'}"]
    done = Jor(twin)("run", SECONDS_OF_JOBS="0.01")
    assert done.code == 0, done.said
    assert states(twin) == {"done": 3}
    assert states(project) == {"running": 1, "queued": 2}


def test_reason_of_what_was_stopped_is_kept_in_a_copy(jor, tmp_path):
    project, twin = tmp_path / "project", tmp_path / "twin"
    project.mkdir()
    (project / "slow.py").write_text(SLOW_JOBS)
    (project / "todo.yaml").write_text("jobs:\n- jobmodule: slow\n  jobargs: n=1\n")
    jor.folder = project
    run = jor.start("run", SECONDS_OF_JOBS="20")
    wait_until(lambda: (project / "executed.log").exists())
    run.terminate()
    jor.end_of(run)
    copy(project, twin)
    assert reasons(twin) == reasons(project)
    assert "it was begun in" not in reasons(twin)[0]


def test_original_that_is_deleted_leaves_history_in_the_copy(project, tmp_path):
    Jor(project)("run")
    copy(project, tmp_path / "twin")
    shutil.rmtree(project)
    assert states(tmp_path / "twin") == {"done": 2, "failed": 1}


def test_outputs_that_are_reached_by_a_link_are_no_copy(project, tmp_path):
    Jor(project)("run")
    os.rename(project / "mixed", tmp_path / "outputs")
    os.symlink(tmp_path / "outputs", project / "mixed")
    assert states(project) == {"done": 2, "failed": 1}


IN_PLACE = """\
import os
import jor


class Jobs(jor.JobsBase):
    name = "place"
    atomic_output = False

    def _mk_jobs(self):
        self._jobs = [{"i": i} for i in range(2)]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("half")
            file.flush()
            if i == 1:
                os._exit(9)
"""


def test_doubts_outlive_another_name_of_the_job_module(tmp_path):
    (tmp_path / "before.py").write_text(IN_PLACE)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: before\n")
    Jor(tmp_path)("run")
    assert states(tmp_path) == {"done": 1, "failed": 1}
    os.rename(tmp_path / "before.py", tmp_path / "after.py")
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: after\n")
    assert states(tmp_path)["done"] == 1
