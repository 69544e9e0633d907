"""A command in a conda environment finds what `conda activate` would give it, whatever it was called from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jor_containers import ACTIVATE, CondaEnvironment, ContainerError, find_environment

MINE = "envs/it's mine"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Make a folder that is an environment, with a Python."""
    return environment(tmp_path / MINE)


def environment(prefix: Path) -> Path:
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/python-3.11.4-0.json").write_text("{}")
    (prefix / "conda-meta/history").write_text("")
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(sys.executable)
    return prefix


def script(prefix: Path, name: str, text: str, when: str = "activate.d") -> None:
    folder = prefix / "etc/conda" / when
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.fixture(params=["bash", "sh"])
def run(request, prefix, tmp_path):
    """Give a function that runs a command in the environment: where there is bash, and where there is none."""
    path = os.environ["PATH"]
    if request.param == "sh":
        path = str(tmp_path / "programs")
        os.mkdir(path)
        for name in ("sh", "env", "sed", "uname", "cat"):
            os.symlink(subprocess.check_output(["which", name], text=True).strip(), f"{path}/{name}")

    def run_it(*argv: str, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            CondaEnvironment(str(prefix), "mine").wrap(argv),
            env={"PATH": path, **variables},
            input="of the command",
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    run_it.path = path
    return run_it


def variables_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\0") if line)


def test_variables_are_those_of_conda(run, prefix):
    found = variables_of(run("env", "-0"))
    assert found["PATH"].startswith(f"{prefix}/bin:")
    assert found["CONDA_PREFIX"] == str(prefix)
    assert found["CONDA_DEFAULT_ENV"] == "mine"
    assert found["CONDA_SHLVL"] == "1"
    assert found["CONDA_PROMPT_MODIFIER"] == "(mine) "
    assert not [name for name in found if "jor" in name.lower()]


def test_words_come_through_as_they_are(run):
    words = ["$HOME", "it's", "a  b", "", "*", "x\ny", '"', "-e"]
    assert run("sh", "-c", 'printf "%s|" "$@"', "sh", *words) == "".join(f"{word}|" for word in words)


def test_exit_status_and_standard_input_are_those_of_the_command(run, prefix):
    script(prefix, "greedy.sh", "cat > /dev/null")
    run("sh", "-c", "exit 7", code=7)
    assert run("cat") == "of the command"


def test_process_becomes_the_command(prefix):
    process = subprocess.Popen(
        CondaEnvironment(str(prefix)).wrap(["sh", "-c", "echo $$"]), stdout=subprocess.PIPE, text=True
    )
    assert int(process.communicate()[0]) == process.pid


def test_environment_of_the_caller_is_left(run, prefix):
    old = "/old/env"
    found = variables_of(
        run(
            "env", "-0", CONDA_PREFIX=old, CONDA_SHLVL="3", CONDA_PREFIX_1="/x", _CE_CONDA="", CONDA_EXE="/o/bin/conda",
            CONDA_OTHER="a\nCONDA_FAKE=b", PATH=f"{old}/bin:{os.environ['PATH']}:{old}/bin",
        )
    )  # fmt: skip
    kept = {"CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL", "CONDA_PROMPT_MODIFIER"}
    assert {name for name in found if "CONDA" in name} == kept
    assert old not in found["PATH"]


def settings(prefix: Path, name: str) -> dict[str, str]:
    """Let an environment set variables in each way that there is; return them."""
    script(prefix, "a.sh", f'export OF_{name}="$CONDA_PREFIX/share"; export CC={name}-cc')
    script(prefix, "a.sh", f'unset OF_{name} CC; export PATH="$PATH"', "deactivate.d")
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": {f"Only_{name}": "1", "BOTH": name}}))
    return {f"OF_{name}": f"{prefix}/share", "CC": f"{name}-cc", f"ONLY_{name}": "1", "BOTH": name}


@pytest.mark.parametrize("how", ["one", "replaced", "stacked"])
def test_what_active_environments_have_set_is_gone(run, tmp_path, how):
    one, two = environment(tmp_path / "envs/with blank"), environment(tmp_path / "other/two")
    of_one, of_two = settings(one, "ONE"), settings(two, "TWO")
    before, path = {"BOTH": "of the user", "MINE": "1"}, run.path
    first = {"CONDA_PREFIX": str(one), "CONDA_SHLVL": "1", "__CONDA_SHLVL_0_BOTH": "of the user"}
    second = {**first, "CONDA_PREFIX_1": str(one), "CONDA_PREFIX": str(two), "CONDA_SHLVL": "2"}
    second |= {**of_two, "ONLY_ONE": "1", "__CONDA_SHLVL_1_BOTH": "ONE"}
    active = {
        "one": {**first, **of_one, "PATH": f"{one}/bin:{path}"},
        "replaced": {**second, "PATH": f"{two}/bin:{path}"},
        "stacked": {**of_one, **second, "CONDA_STACKED_2": "true", "PATH": f"{two}/bin:{one}/bin:{path}"},
    }[how]
    clean = variables_of(run("env", "-0", **before, PATH=path))
    assert clean["BOTH"] == "of the user"
    assert variables_of(run("env", "-0", **{**before, **active})) == clean


def test_what_was_set_since_the_activation_stays(run, tmp_path):
    other = environment(tmp_path / "other")
    settings(other, "OTHER")
    found = variables_of(run("env", "-0", CONDA_PREFIX=str(other), CONDA_SHLVL="1", BOTH="mine", ONLY_OTHER="1"))
    assert found["BOTH"] == "mine"
    assert "ONLY_OTHER" not in found


def test_deactivation_runs_in_reverse_and_may_use_variables_that_are_not_set(run, tmp_path):
    other = environment(tmp_path / "other")
    for name in ("a", "b"):
        script(other, f"{name}.sh", f'export SAID="${{SAID-}} {name} $NOT_SET$CONDA_PREFIX"', "deactivate.d")
    script(other, "c.sh", "set -eu", "deactivate.d")
    said = run("sh", "-c", 'echo "$SAID"', CONDA_PREFIX=str(other), SHELLOPTS="nounset:errexit")
    assert said == f" b {other} a {other}\n"


def test_deactivation_that_goes_wrong_is_told(run, tmp_path):
    other = environment(tmp_path / "other")
    script(other, "a.sh", "exit 0", "deactivate.d")
    said = run("echo", "ran", code=78, CONDA_PREFIX=str(other))
    assert f"{other}/etc/conda/deactivate.d/a.sh ended the shell" in said
    script(other, "a.sh", "false", "deactivate.d")
    (other / "conda-meta/state").write_text("{")
    said = run("sh", "-c", "exit 3", code=3, CONDA_PREFIX=str(other))
    assert "a.sh ended with status 1" in said
    assert f"the variables of the conda environment {other}, which was active, cannot be read" in said
    shutil.rmtree(other)
    assert f"{other} is active, but not there" in run("sh", "-c", "exit 3", code=3, CONDA_PREFIX=str(other))


def test_variables_are_set_where_only_another_python_is_there(prefix, tmp_path):
    (prefix / "bin/python").unlink()
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": {"mixedCase": "1", "PATH": "/bad"}}))
    (tmp_path / "python3").symlink_to(sys.executable)
    command = CondaEnvironment(str(prefix)).wrap(["sh", "-c", 'echo "$MIXEDCASE ${mixedCase-}"'])
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.check_output(command, env=environ, text=True) == "1 \n"


@pytest.mark.parametrize(("name", "shown"), [("envs/x", "x"), ("x", "{}/x")])
def test_environment_without_a_name_is_called_as_conda_calls_it(tmp_path, name, shown):
    command = CondaEnvironment(str(environment(tmp_path / name))).wrap(["sh", "-c", 'echo "$CONDA_DEFAULT_ENV"'])
    assert subprocess.check_output(command, text=True).strip() == shown.format(tmp_path)


def test_scripts_run_in_the_order_of_bytes_in_every_locale(run, prefix, tmp_path):
    made = tmp_path / "en_US.UTF-8"
    done = subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", str(made)], capture_output=True)
    if done.returncode:
        pytest.skip("there is no localedef here that makes a locale")
    for name in ("a", "B", "_c", "~d"):
        script(prefix, f"{name}.sh", f'export SAID="${{SAID-}} {name} ${{LC_ALL-}}"')
    said = run("sh", "-c", 'echo "$SAID"', LC_ALL="en_US.UTF-8", LOCPATH=str(tmp_path))
    assert said == "".join(f" {name} en_US.UTF-8" for name in ("B", "_c", "a", "~d")) + "\n"


def test_variables_of_the_environment_are_set(run, prefix):
    state = {"env_vars": {"STATE": "it's $HOME\n`id`", "BOTH": "state", "GONE": "***unset***", "a;id": "x"}}
    (prefix / "conda-meta/state").write_text(json.dumps(state))
    (prefix / "etc/conda/env_vars.d").mkdir(parents=True)
    (prefix / "etc/conda/env_vars.d/package.json").write_text(json.dumps({"PACKAGE": "1", "BOTH": "package"}))
    found = variables_of(run("env", "-0"))
    assert (found["STATE"], found["PACKAGE"], found["BOTH"]) == ("it's $HOME\n`id`", "1", "state")
    assert "GONE" not in found


def test_scripts_run_in_order_and_see_the_variables(run, prefix):
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": {"FIRST": "1"}}))
    script(prefix, "b c.sh", 'export SAID="$SAID b"')
    script(prefix, "a.sh", 'set -- lost; export SAID="$FIRST $CONDA_PREFIX"')
    script(prefix, "no.txt", "exit 1")
    assert run("sh", "-c", 'echo "$SAID"') == f"1 {prefix} b\n"


def test_scripts_get_all_of_bash_where_that_is_called_sh(prefix, tmp_path):
    script(prefix, "a.sh", "export MODE=$(shopt -o posix | cut -f 2)")
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    (tmp_path / "sh").symlink_to(bash)
    _, *command = CondaEnvironment(str(prefix)).wrap(["sh", "-c", 'echo "$MODE"'])
    done = subprocess.run([str(tmp_path / "sh"), *command], capture_output=True, text=True)
    assert done.stdout == "off\n"


def test_script_whose_last_command_fails_is_told_and_does_not_stop_the_command(prefix):
    script(prefix, "a.sh", "false")
    done = subprocess.run(CondaEnvironment(str(prefix)).wrap(["echo", "ran"]), capture_output=True, text=True)
    assert done.stdout == "ran\n"
    assert "a.sh ended with status 1" in done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("exit 0", "a.sh ended the shell"),
        ("export CONDA_PREFIX=/other", "has set CONDA_PREFIX to /other"),
        ("set -eu; unset CONDA_PREFIX", "has set CONDA_PREFIX to nothing"),
    ],
)
def test_script_that_spoils_the_activation_stops_the_command(run, prefix, text, what):
    script(prefix, "a.sh", text)
    said = run("echo", "ran", code=78)
    assert what in said
    assert "Fix or remove that script" in said


def test_variables_that_cannot_be_read_stop_the_command(run, prefix):
    (prefix / "conda-meta/state").write_text("{")
    assert "variables cannot be read" in run("echo", "ran", code=78)


def test_environment_that_is_not_there_on_the_node_stops_the_command(run, prefix):
    (prefix / "conda-meta").rename(prefix / "gone")
    said = run("echo", "ran", code=78)
    assert f"{prefix} cannot be activated on {os.uname().nodename}: it is not there" in said


def test_packages_are_listed(prefix):
    (prefix / "conda-meta/a-1-h0_0.json").write_text("{}")
    assert CondaEnvironment(str(prefix)).packages() == ("a-1-h0_0", "python-3.11.4-0")


def test_packages_are_told_with_their_origin_as_far_as_it_is_known(prefix):
    folder = prefix / "conda-meta"
    for name, text in {
        "a-1-0": '{"url": "https://site/noarch/a-1-0.conda", "md5": "0123", "sha256": "4567"}',
        "b-1-0": '{"url": "https://site/noarch/b-1-0.conda", "sha256": "4567"}',
        "c-1-0": '{"url": "https://site/noarch/c-1-0.conda"}',
        "d-1-0": "{}",
        "e-1-0": "\xff no JSON",
        "f-1-0": "[]",
    }.items():
        (folder / f"{name}.json").write_text(text)
    (folder / "python-3.11.4-0.json").unlink()
    assert CondaEnvironment(str(prefix)).explicit() == (
        "https://site/noarch/a-1-0.conda#0123",
        "https://site/noarch/b-1-0.conda#4567",
        "https://site/noarch/c-1-0.conda",
        "d-1-0",
        "e-1-0",
        "f-1-0",
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"CONDA_EXE": "{root}/bin/conda"},
        {"MAMBA_ROOT_PREFIX": "{root}"},
        {"CONDA_ENVS_PATH": "/none:{root}/envs"},
        {"CONDA_ENVS_DIRS": "{root}/envs"},
        {"CONDA_PREFIX": "{root}/envs/it's mine"},
        {"HOME": "{root}/home"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_environment_is_found_by_its_name(prefix, tmp_path, variables):
    (tmp_path / "home/.conda").mkdir(parents=True)
    (tmp_path / "home/.conda/environments.txt").write_text(f"/none\n{prefix}\n\n")
    environ = {name: text.format(root=tmp_path) for name, text in variables.items()}
    assert find_environment("it's mine", environ) == CondaEnvironment(str(prefix), "it's mine")


def test_environment_is_found_by_asking_conda(prefix, tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "mamba"
    text = json.dumps({"envs": [str(prefix)]}).replace("'", "'\\''")
    program.write_text(f"#!/bin/sh\nprintf '%s' '{text}'\n")
    program.chmod(0o755)
    broken = folder / "conda"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert find_environment("it's mine", {"PATH": str(folder)}).prefix == str(prefix)


def test_list_of_environments_is_the_users_or_none(tmp_path, monkeypatch):
    prefix = environment(tmp_path / os.fsdecode(b"envs/\xff"))
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda/environments.txt").write_bytes(os.fsencode(prefix) + b"\n")
    assert find_environment(prefix.name, {"HOME": str(tmp_path)}).prefix == str(prefix)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ContainerError):
        find_environment(prefix.name, {"PATH": ""})  # without a home folder, the working directory is not one


def test_base_environment_has_a_name(tmp_path):
    environment(tmp_path)
    assert find_environment("base", {"MAMBA_ROOT_PREFIX": str(tmp_path)}).prefix == str(tmp_path)


def test_prefix_is_taken_and_gets_the_name_by_which_it_is_known(prefix, tmp_path):
    environ = {"MAMBA_ROOT_PREFIX": str(tmp_path)}
    assert find_environment(f"{prefix}/", environ) == CondaEnvironment(str(prefix), "it's mine")
    assert find_environment(str(prefix), {}) == CondaEnvironment(str(prefix), "")


def test_activation_script_is_there():
    assert os.path.exists(ACTIVATE)


@pytest.mark.parametrize(("wanted", "what"), [("other", "no conda environment 'other'"), ("/no/where", "/no/where is")])
def test_wrong_name_is_told_with_those_that_are_known(prefix, tmp_path, wanted, what):
    with pytest.raises(ContainerError, match=what) as caught:
        find_environment(wanted, {"MAMBA_ROOT_PREFIX": str(tmp_path)})
    assert "Choose one of: it's mine" in caught.value.remedy
    with pytest.raises(ContainerError) as caught:
        find_environment(wanted, {"PATH": str(tmp_path)})
    assert "a folder with conda-meta in it" in caught.value.remedy
