"""`jor submit`, `jor exec`, `jor config`, and what all commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, outputs, wait_until

Write = Callable[..., None]


def test_submit_runs_the_jobs_of_one_job_module(jor: Jor, example: Path) -> None:
    (example / "todo.yaml").unlink()
    done = jor("submit", "jobs_example", "--jobargs", "n=2")
    assert done.code == 0
    assert set(outputs(example / "output")) == {"example2", "example2/ind0.txt", "example2/ind1.txt"}


def test_submit_leaves_alone_what_run_has_done(jor: Jor, example: Path) -> None:
    jor("run")
    assert jor("submit", "./jobs_example.py", "--jobargs", "n=3").out == "[jor] jobs_example(n=3): all 3 jobs done\n"


def test_submit_takes_the_constructor_s_defaults_without_jobargs(jor: Jor, example: Path) -> None:
    assert jor("submit", "jobs_example.py").out.splitlines()[-1] == "[jor] 3 of 3 jobs done"


def test_exec_runs_one_job(jor: Jor, example: Path) -> None:
    assert jor("exec", "jobs_example", 1, "--jobargs", "n=4").code == 0
    assert outputs(example / "output") == {"example4": None, "example4/ind1.txt": b"{'index': 1}\n"}


def test_exec_prints_what_the_job_prints(jor: Jor, example: Path, write: Write) -> None:
    text = (example / "jobs_example.py").read_text()
    write(jobs_example=text.replace("with open(output_path", "print('from the job')\n        with open(output_path"))
    assert jor("exec", "jobs_example", 0) == (0, "from the job\n", "")


def test_exec_runs_a_job_whose_output_exists(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "output/example3/ind1.txt").write_text("old")
    assert jor("exec", "jobs_example", 1, "--jobargs", "n=3").code == 0
    assert (example / "output/example3/ind1.txt").read_text() == "{'index': 1}\n"


def test_exec_of_a_failing_job_shows_its_traceback(jor: Jor, example: Path, write: Write) -> None:
    text = (example / "jobs_example.py").read_text()
    write(jobs_example=text.replace("with open(output_path", "raise ValueError('odd')\n        with open(output_path"))
    done = jor("exec", "jobs_example", 0)
    assert done.code == 1
    assert "Traceback" in done.err
    assert "ValueError: odd" in done.err


@pytest.mark.parametrize("index", ["3", "1000000000000000000000"])
def test_exec_refuses_an_index_out_of_range(jor: Jor, example: Path, index: str) -> None:
    done = jor("exec", "jobs_example", index)
    assert done.code == 2
    assert f"there is no job {index}" in done.err
    assert "Give an index from 0 to 2" in done.err
    assert not (example / "output").exists()


def test_exec_refuses_while_a_run_is_at_work_on_the_entry(jor: Jor, slow: Path) -> None:
    process = jor.start("run", SECONDS_OF_JOBS=600)
    wait_until((slow.parent / "executed.log").exists)
    done = jor("exec", "slow", 0, "--jobargs", "n=40")
    assert done.code == 75
    assert f"process {process.pid} on {os.uname().nodename} is running jobs of the same entry" in done.err


def test_config_tells_each_option_with_value_and_source(jor: Jor, example: Path) -> None:
    told = jor("--path-prefix", "given", "config", JOR_MEM="2G", COLUMNS=120).out.splitlines()
    rows = {line.split()[1]: line.split()[2:] for line in told}
    assert rows["path-prefix"] == ["given", "command", "line"]
    assert rows["mem"] == ["2G", "$JOR_MEM"]
    assert rows["partition"] == ["day", "./jor.cfg:10"]
    assert rows["todo-list"] == ["todo.yaml", "./jor.cfg:6"]
    assert rows["isolation"][-1] == "default"
    assert rows["sif"] == ["not", "set"]


def test_version_is_told(jor: Jor) -> None:
    assert jor("--version").out.startswith("jor, version ")


def test_broken_pipe_is_no_traceback(jor: Jor, example: Path) -> None:
    process = jor.start("config")
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    process.wait()
    assert "Traceback" not in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_made(jor: Jor, shell: str) -> None:
    pytest.importorskip("click")
    done = jor(_JOR_COMPLETE=f"{shell}_source")
    assert done.code == 0
    assert "_JOR_COMPLETE" in done.out
