"""What a user reads, held against golden files."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from jor_cli.main import COMMANDS

Jor = Callable[..., str]
Agrees = Callable[[str, str], None]

FAILING = """\
import sys
import jor

class Jobs(jor.JobsBase):
    name = "failing"

    def _mk_jobs(self):
        self._jobs = jor.grid(method=["principal components"], alpha=[0.25], index=range(5))

    def execute(self, i):
        if i == 1:
            raise ValueError("no convergence after 1000 iterations: residual 0.12, tolerance 1e-10")
        if i == 2:
            sys.exit(3)
        if i != 3:
            with open(self._get_output_path(**self._jobs[i]), "w") as file:
                file.write("well")
"""

# Its help is laid out by click, a little differently from version to version.
LAID_OUT = pytest.mark.skipif(
    tuple(map(int, version("click").split(".")[:2])) < (8, 2), reason="golden files are those of click 8.2 and newer"
)


@pytest.fixture
def failing(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: failing\n")


@LAID_OUT
def test_help_looks_as_agreed(jor: Jor, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("--help"), "help.txt")


@LAID_OUT
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_command_looks_as_agreed(jor: Jor, agrees_with_golden: Agrees, command: str) -> None:
    agrees_with_golden(jor(command, "--help"), f"help-{command}.txt")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_no_wider_than_the_terminal(jor: Jor, command: str) -> None:
    lines = jor(*command.split(), "--help").splitlines()
    assert max(map(len, lines)) <= 80


def test_status_looks_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    jor("run", "jobs_example(n=3)")
    agrees_with_golden(jor("status"), "status.txt")


def test_status_of_failures_looks_as_agreed(jor: Jor, failing: None, agrees_with_golden: Agrees) -> None:
    jor("run", "--workers", "1")
    agrees_with_golden(jor("status"), "status-failures.txt")


def test_dry_run_looks_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    jor("run", "--test")
    agrees_with_golden(jor("run", "--dry-run", "--workers", "2"), "dry-run.txt")


def test_failures_look_as_agreed(jor: Jor, failing: None, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("run", "--workers", "1"), "run-failures.txt")


def test_run_looks_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("run", "--workers", "2"), "run.txt")


def test_run_with_nothing_to_do_looks_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    jor("run")
    agrees_with_golden(jor("run"), "run-again.txt")


def test_config_looks_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("config", "--mem", "2G"), "config.txt")


def test_story_of_an_entry_looks_as_agreed(jor: Jor, measured: Path, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("show", "jobs_example(n=3)"), "show-entry.txt")


def test_story_of_a_job_looks_as_agreed(jor: Jor, measured: Path, agrees_with_golden: Agrees) -> None:
    agrees_with_golden(jor("show", "jobs_example(n=3)", "1"), "show-job.txt")


def test_advice_looks_as_agreed(jor: Jor, measured: Path, agrees_with_golden: Agrees) -> None:
    options = "[global]\npath-prefix = output\n[submit]\nscheduler = slurm\nmem = 5G\n[slurm]\njobs-per-task = 1\n"
    (measured / "jor.cfg").write_text(options)
    agrees_with_golden(jor("advise"), "advise.txt")


def test_mistakes_look_as_agreed(jor: Jor, example: Path, agrees_with_golden: Agrees) -> None:
    (example / "todo.yaml").write_text(
        "jobs:\n- jobmodule: jobs_exmaple.py\n- jobmodule: jobs_example\n  jobarg: n=3\n- jobmodule: jobs_example\n"
        "  jobargs: n=open('x')\n"
    )
    agrees_with_golden(jor("run"), "mistakes.txt")
