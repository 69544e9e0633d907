"""An array seen from a copy of its project, and from the project itself under another name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FLAGS = ("--scheduler", "slurm", "--jobs-per-task", "1", "--poll-interval", "0")


@pytest.fixture
def at(environment: dict[str, str]) -> Callable[..., str]:
    """Give a function that runs the command in a folder and returns all that it says."""

    def run(folder: Path, *args: str) -> str:
        command = [sys.executable, "-m", "jor_cli", *args]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    return run


@pytest.fixture
def project(example, tmp_path, slurm, at):
    """Make a project with an array that waits; return its folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(example / "jobs_example.py", folder)
    (folder / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_example\n")
    slurm.take("PENDING")
    assert "submitted as Slurm array 101" in at(folder, "run", *FLAGS)
    return folder


def states(text):
    counts = json.loads(text)["entries"][0]["counts"]
    return {state: count for state, count in counts.items() if count}


def test_array_of_the_original_is_history_in_a_copy(project, tmp_path, slurm, at):
    twin = tmp_path / "twin"
    shutil.copytree(project, twin)

    assert states(at(twin, "status", "--json", "--poll-interval", "0")) == {"missing": 3}
    assert "Nothing to cancel" in at(twin, "cancel")
    assert "submitted as Slurm array 102" in at(twin, "run", *FLAGS)
    assert slurm.calls("scancel") == []
    assert list(project.glob("**/revoked")) == []
    assert "cancelled Slurm array 102" in at(twin, "cancel")
    assert states(at(project, "status", "--json", "--poll-interval", "0")) == {"queued": 3}


def test_end_that_slurm_tells_holds_in_a_copy(project, tmp_path, slurm, at):
    slurm.set(101, "TIMEOUT")
    twin = tmp_path / "twin"
    shutil.copytree(project, twin)
    told = [at(folder, "status", "--json", "--poll-interval", "0") for folder in (project, twin)]
    reasons = [[problem["reason"] for problem in json.loads(text)["entries"][0]["problems"]] for text in told]
    assert reasons[0] == reasons[1] != []


def test_array_of_a_project_with_the_same_key_is_its_own(project, tmp_path, slurm, at):
    """Both have a job module of that name, and write into one folder."""
    other = tmp_path / "other"
    other.mkdir()
    text = (project / "jobs_example.py").read_text()
    (other / "jobs_example.py").write_text(text.replace('return f"', 'return f"other'))
    (other / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_example\n")
    at(other, "run", *FLAGS, "--path-prefix", str(project))
    said = at(other, "cancel", "--path-prefix", str(project))
    assert "cancelled Slurm array 102" in said
    assert "101" not in said


def test_array_is_still_known_when_its_project_is_renamed(project, tmp_path, slurm, at):
    renamed = tmp_path / "renamed"
    os.rename(project, renamed)
    assert states(at(renamed, "status", "--json", "--poll-interval", "0")) == {"queued": 3}
    assert "left to Slurm array 101" in at(renamed, "run", *FLAGS)
    assert len(slurm.calls("sbatch")) == 1


def test_submission_tells_who_has_it_and_what_it_writes(project, slurm):
    (path,) = project.glob("**/submission.json")
    told = json.loads(path.read_text())
    folder = project / "example3"
    assert (told["scheduler"], told["folder"], told["folder_inode"]) == ("slurm", str(folder), folder.stat().st_ino)
    assert told["user"] == path.owner()
    assert (path.parent / "scheduler.jsonl").exists()


def test_submission_tells_the_cluster(example, slurm, at):
    slurm.settings(ClusterName="alpha")
    slurm.take("PENDING")
    at(example, "run", *FLAGS)
    assert {json.loads(path.read_text())["cluster"] for path in example.glob("**/submission.json")} == {"alpha"}
