"""Jobs in a real conda environment on this machine, and what is said when it is not as it should be."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import BARE, ROOT


def test_jobs_run_in_the_environment_which_has_no_jor(jor, environment, tmp_path):
    assert subprocess.run([BARE, "-c", "import jor"], capture_output=True, cwd="/").returncode
    jor("run", "--condaenv", "testbed", root=environment)
    prefix = environment / "envs" / "testbed"
    outputs = sorted((tmp_path / "out").glob("n*.txt"))
    assert [path.read_text() for path in outputs] == [f"{i} {prefix} it is here True" for i in range(4)]
    assert f"runs in {prefix}" in jor("logs", "jobs_out", "2", root=environment)


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_each_isolation_works_there(jor, environment, tmp_path, isolation):
    prefix = str(environment / "envs" / "testbed")
    jor("run", "--condaenv", prefix, "--isolation", isolation, root=tmp_path)
    assert len(list((tmp_path / "out").glob("n*.txt"))) == 4


def test_oldest_python_will_do(jor, make_environment, tmp_path):
    found = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))
    python = str(found[-1]) if found else shutil.which("python3.8")
    if python is None:
        pytest.skip("there is no Python 3.8 here")
    jor("run", "--condaenv", "testbed", root=make_environment(python, version="3.8.18"))
    assert len(list((tmp_path / "out").glob("n*.txt"))) == 4


def test_job_by_itself_runs_there(jor, environment, tmp_path):
    said = jor("exec", "jobs_out.py", "3", "--condaenv", "testbed", root=environment)
    assert "it is here" in said
    assert [path.name for path in (tmp_path / "out").glob("n*.txt")] == ["n3.txt"]


def test_plan_shows_the_environment(jor, environment):
    said = jor("run", "--dry-run", "--condaenv", "testbed", root=environment)
    assert f"{environment}/envs/testbed/bin/python" in said
    assert "jor.pyz exec" in said


def test_runtime_of_the_environment_is_used_if_wanted(jor, make_environment, tmp_path):
    root = make_environment(sys.executable)
    jor("run", "--condaenv", "testbed", "--runtime", "installed", root=root)
    assert {path.read_text().split()[-1] for path in (tmp_path / "out").glob("n*.txt")} == {"False"}


def test_runtime_that_is_not_installed_is_told(jor, environment):
    said = jor("run", "--condaenv", "testbed", "--runtime", "installed", root=environment, code=2)
    assert "before any job" in said


def test_wrong_name_is_told_before_anything_is_written(jor, environment, tmp_path):
    said = jor("run", "--condaenv", "testbet", root=environment, code=2)
    assert "there is no conda environment 'testbet'" in said
    assert "Known are: testbed" in said
    assert not (tmp_path / "out").exists()


def test_environment_without_python_is_told(jor, make_environment):
    said = jor("run", "--condaenv", "testbed", root=make_environment(""), code=2)
    assert "has no Python" in said
    assert "conda install -p" in said


def test_environment_whose_python_is_too_old_is_told(jor, make_environment):
    said = jor("run", "--condaenv", "testbed", root=make_environment(version="3.7.16"), code=2)
    assert "has Python 3.7.16: jobs need 3.8 or newer" in said


def test_script_that_ends_the_shell_is_told_in_the_log(jor, make_environment, tmp_path):
    root = make_environment(files={"etc/conda/activate.d/bad.sh": "exit 0\n"})
    said = jor("run", "--condaenv", "testbed", root=root, code=2)
    log = re.search(r"see (\S+)", said)
    assert log is not None
    assert "bad.sh ended the shell" in Path(log[1]).read_text()


def test_example_of_the_readme_runs(environment, tmp_path):
    text = (ROOT / "packages/jor-containers/README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "simulate.py").write_text("import os, sys; print(os.environ['CONDA_DEFAULT_ENV'], sys.argv[1:])")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("my-project", "testbed", 1)],
        cwd=tmp_path,
        env={"MAMBA_ROOT_PREFIX": str(environment), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "testbed ['--seed', '3']\n", done.stderr
