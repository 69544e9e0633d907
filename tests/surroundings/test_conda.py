"""Jobs in a real conda environment on this machine, and what is said when it is not as it should be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import BARE, ROOT


def test_jobs_run_in_the_environment_which_has_no_jor(jor, environment):
    assert subprocess.run([BARE, "-c", "import jor"], capture_output=True, cwd="/").returncode
    jor("run", "--condaenv", "testbed")
    prefix = str(environment / "envs" / "testbed")
    assert [told["job"] for told in jor.told] == [0, 1, 2, 3]
    for told in jor.told:
        assert told["prefix"] == prefix
        assert told["environment"]["OF_THE_ENVIRONMENT"] == "it is here"
        assert told["bundled"]
    assert f"runs in {prefix}" in jor("logs", "jobs_out", "2")


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_each_isolation_works_there(project, environment, isolation):
    project("run", "--condaenv", str(environment / "envs" / "testbed"), "--isolation", isolation)
    assert len(project.told) == 4


def test_oldest_python_will_do(project, make_environment):
    found = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))
    python = str(found[-1]) if found else shutil.which("python3.8")
    if python is None:
        pytest.skip("there is no Python 3.8 here")
    root = make_environment(python, version="3.8.18")
    project("run", "--condaenv", "testbed", MAMBA_ROOT_PREFIX=str(root))
    assert [told["version"] for told in project.told] == ["3.8"] * 4


def test_job_by_itself_runs_there(jor):
    said = jor("exec", "jobs_out.py", "3", "--condaenv", "testbed")
    assert "envs/testbed" in said
    assert [told["job"] for told in jor.told] == [3]


def test_plan_shows_the_environment(jor, environment):
    said = jor("run", "--dry-run", "--condaenv", "testbed")
    assert f"{environment}/envs/testbed/bin/python" in said
    assert "jor.pyz exec" in said


def test_runtime_of_the_environment_is_used_if_wanted(project, make_environment):
    root = make_environment(sys.executable)
    project("run", "--condaenv", "testbed", "--runtime", "installed", MAMBA_ROOT_PREFIX=str(root))
    assert not any(told["bundled"] for told in project.told)


def test_of_jor_only_jor_core_has_to_be_installed_there(project, make_environment, core, tmp_path):
    python = tmp_path / "bare"
    subprocess.run([BARE, "-m", "venv", "--without-pip", str(python)], check=True)
    (packages,) = python.glob("lib/python*/site-packages")
    zipfile.ZipFile(core).extractall(packages)
    root = make_environment(str(python / "bin/python"))
    project("run", "--condaenv", "testbed", "--runtime", "installed", MAMBA_ROOT_PREFIX=str(root))
    assert [told["bundled"] for told in project.told] == [False] * 4


def test_runtime_that_is_not_installed_is_told(jor):
    said = jor("run", "--condaenv", "testbed", "--runtime", "installed", code=2)
    assert "has no jor-core" in said
    assert not (jor.folder / "out").exists()


def test_wrong_name_is_told_before_anything_is_written(jor):
    said = jor("run", "--condaenv", "testbet", code=2)
    assert "there is no conda environment 'testbet'" in said
    assert "Choose one of: testbed" in said
    assert not (jor.folder / "out").exists()


def test_environment_without_python_is_told(project, make_environment):
    said = project("run", "--condaenv", "testbed", code=2, MAMBA_ROOT_PREFIX=str(make_environment("")))
    assert "envs/testbed/bin/python in it" in said
    assert "Install Python 3 in it" in said


def test_environment_whose_python_is_too_old_is_told(project, make_environment, tmp_path):
    old = tmp_path / "old-python"
    pretend = "import sys; sys.version_info = (3, 7, 16); del sys.argv[0]; exec(sys.argv[0])"
    old.write_text(f'#!/bin/sh\nshift\nexec {BARE} -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    said = project("run", "--condaenv", "testbed", code=2, MAMBA_ROOT_PREFIX=str(make_environment(str(old))))
    assert "its Python is 3.7.16" in said
    assert "3.8 or newer" in said


def test_script_that_ends_the_shell_is_told(project, make_environment):
    root = make_environment(files={"etc/conda/activate.d/bad.sh": "exit 0\n"})
    said = project("run", "--condaenv", "testbed", code=2, MAMBA_ROOT_PREFIX=str(root))
    assert "bad.sh ended the shell" in said
    assert "Fix or remove that script" in said
    assert not (project.folder / "out").exists()


def test_script_that_fails_is_told_when_jobs_are_submitted(project, make_environment):
    root = make_environment(files={"etc/conda/activate.d/bad.sh": "echo hello >&2\ncd /no/where 2> /dev/null\n"})
    said = project("run", "--condaenv", "testbed", MAMBA_ROOT_PREFIX=str(root))
    assert said.count("bad.sh ended with status 1") == 1
    assert "Fix it; if there is nothing wrong with it" in said
    assert "hello" not in said
    assert len(project.told) == 4


def test_what_the_active_environment_has_set_is_gone_in_the_job(jor, environment, make_environment):
    """Activate one as rattler does it, which pixi uses."""
    from rattler import Subdir
    from rattler.shell import ActivationVariables, Shell, activate

    files = {
        "etc/conda/activate.d/a.sh": 'export PROJ_DATA="$CONDA_PREFIX/share"\n',
        "etc/conda/deactivate.d/a.sh": "unset PROJ_DATA\n",
        "etc/conda/env_vars.d/a.json": '{"lower_case": "1"}',
    }
    active = make_environment(files=files) / "envs/testbed"
    script = activate(active, ActivationVariables(None, []), Shell.bash, Subdir.current()).script
    command = f"{script}\nexec {sys.executable} -m jor_cli run --quiet --condaenv testbed"
    shell = {**jor.environment, "CONDA_EXE": f"{environment}/bin/conda"}
    subprocess.run(["bash", "-c", f"set -e\n{command}"], cwd=jor.folder, env=shell, check=True)
    for told in jor.told:
        assert told["prefix"] == f"{environment}/envs/testbed"
        assert told["environment"]["OF_THE_ENVIRONMENT"] == "it is here"
        assert not [f"{name}={value}" for name, value in told["environment"].items() if str(active) in value]
        assert "LOWER_CASE" not in told["environment"]


def test_name_of_two_environments_is_refused_before_anything_is_written(project, environment, make_environment):
    prefixes = [f"{root}/envs/testbed" for root in (environment, make_environment())]
    (project.folder / "home/.conda").mkdir(parents=True)
    (project.folder / "home/.conda/environments.txt").write_text("\n".join(prefixes))
    said = project("run", "--condaenv", "testbed", code=2, HOME=str(project.folder / "home"))
    assert all(prefix in "".join(said.split()) for prefix in prefixes)
    assert "Give the prefix" in said
    assert not (project.folder / "out").exists()


def test_packages_are_recorded_and_their_change_is_told(project, make_environment):
    root = make_environment()
    (project.folder / "jor.cfg").write_text("[submit]\ncondaenv = testbed\n")
    project.environment["MAMBA_ROOT_PREFIX"] = str(root)
    project("run")
    (record,) = project.folder.glob("out/.jor/*/runs/*/submission.json")
    surroundings = json.loads(record.read_text())["surroundings"]
    assert surroundings["condaenv"] == f"{root}/envs/testbed"
    assert surroundings["packages"] == ["python-3.11.4-0", "settings-1.0-0"]
    assert [re.sub(r".*/", "", line) for line in surroundings["explicit"]] == [
        f"{name}.tar.bz2#{json.loads((root / f'envs/testbed/conda-meta/{name}.json').read_text())['md5']}"
        for name in surroundings["packages"]
    ]
    assert all(line.startswith("file://") for line in surroundings["explicit"])
    assert "changed" not in project("status")
    (root / "envs/testbed/conda-meta/settings-1.0-0.json").rename(root / "envs/testbed/conda-meta/settings-1.1-0.json")
    said = project("status")
    assert "the packages of" in said
    assert "settings-1.0-0 (gone), settings-1.1-0" in said
    assert "settings-1.1-0" in json.loads(project("status", "--json"))["entries"][0]["notes"][0]


def test_example_of_the_readme_runs(environment, tmp_path):
    text = (ROOT / "packages/jor-containers/README.md").read_text()
    code = next(code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "my-project" in code)
    (tmp_path / "simulate.py").write_text("import os, sys; print(os.environ['CONDA_DEFAULT_ENV'], sys.argv[1:])")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("my-project", "testbed", 1)],
        cwd=tmp_path,
        env={"MAMBA_ROOT_PREFIX": str(environment), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "testbed ['--seed', '3']\n", done.stderr
