"""One workspace for a command or a call of a notebook: what it has asked once, it does not ask again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jor_cli.workspace import Workspace

Jor = Callable[..., str]

#: An environment's Python, which notes that it is looked into.
PYTHON = """\
#!/bin/sh
[ "$1" != -c ] || echo look >> {folder}/looks
exec {python} "$@"
"""
#: A program that starts containers: it notes looks, and runs what it is told to run on this machine.
APPTAINER = """\
#!/bin/sh
[ "$1" = exec ] || exit 0
until [ "$1" = {folder}/image ]; do shift; done
[ "$3" != -c ] || echo look >> {folder}/looks
shift 2
exec {python} "$@"
"""


def program(path: Path, text: str, folder: Path) -> None:
    """Write a program; what is in braces in its text is filled in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(folder=folder, python=sys.executable))
    path.chmod(0o755)


@pytest.fixture
def looks(example: Path, environment: dict[str, str]) -> Callable[[], int]:
    """Give the example a conda environment and an image; return a function that counts the looks into them."""
    (example / "env/conda-meta").mkdir(parents=True)
    program(example / "env/bin/python", PYTHON, example)
    program(example / "apptainer", APPTAINER, example)
    (example / "image/.singularity.d").mkdir(parents=True)
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  jobargs: n=3\n")
    environment["XDG_CACHE_HOME"] = str(example / "cache")
    count = example / "looks"
    return lambda: len(count.read_text().splitlines()) if count.exists() else 0


WHERE = {"environment": ("--condaenv", "./env"), "image": ("--sif", "./image", "--container-program", "./apptainer")}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_run_looks_once_into_what_jobs_run_in(jor: Jor, looks: Callable[[], int], where: str, more: tuple[str, ...]):
    said = jor("run", "--workers", "1", *WHERE[where], *more)
    assert looks() == 1
    assert "3 of 3 jobs done" in said or "3 of 3 jobs would run" in said


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_submission_looks_once_into_what_jobs_run_in(
    jor: Jor, looks: Callable[[], int], slurm, where: str, more: tuple[str, ...]
):
    slurm.take("PENDING")
    said = jor("run", "--scheduler", "slurm", *WHERE[where], *more)
    assert looks() == 1
    assert "3 jobs submitted" in said or "3 of 3 jobs would be submitted" in said


def test_entries_that_share_an_environment_look_into_it_once(jor: Jor, looks: Callable[[], int], example: Path):
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  sweep: {n: [2, 3, 4]}\n")
    jor("run", "--workers", "1", *WHERE["environment"])
    assert looks() == 1


def test_first_run_has_the_container_that_its_dry_run_shows(
    jor: Jor, looks: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
):
    """The path-prefix is visible in it, though it is made by that run."""
    prefix = tmp_path_factory.mktemp("far") / "made by the run"
    words = (*WHERE["image"], "--path-prefix", str(prefix))
    first = jor("run", "--dry-run", *words)
    assert "3 of 3 jobs done" in jor("run", "--workers", "1", *words)
    again = jor("run", "--dry-run", "--overwrite-output", *words)
    assert f"--bind '{prefix}' " in first
    assert again == first
    assert looks() == 3


def test_workspace_leaves_no_temporary_files(example: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(example)
    with Workspace.open({}) as workspace:
        folder = Path(workspace.remote._folder.name)
        assert [path.name for path in folder.iterdir()] == ["jor.pyz"]
    assert not folder.exists()


def test_workspace_with_other_options_shares_what_was_looked_at(example: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(example)
    workspace = Workspace.open({})
    other = workspace.with_config(workspace.config)
    assert other.environments is workspace.environments
    assert other.modules is workspace.modules
    assert other.cluster is not workspace.cluster
