"""An environment's name means the one that conda takes; where conda takes none, it is refused if it is not clear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jor_containers import ContainerError, Native, find_environment, find_environment_inside


class With:
    """A wrapper in which there are other variables."""

    def __init__(self, **variables: str) -> None:
        self.variables = tuple(f"{name}={value}" for name, value in variables.items())

    def wrap(self, argv):
        """Return the command with them."""
        return ("env", "-i", *self.variables, *argv)


@pytest.fixture
def made(tmp_path):
    """Give a function that makes an environment `dup` in each of the folders."""

    def make(*folders: str) -> None:
        for folder in folders:
            (tmp_path / folder / "dup/conda-meta").mkdir(parents=True)

    (tmp_path / "root/conda-meta").mkdir(parents=True)
    (tmp_path / "root/bin").mkdir()
    (tmp_path / "root/bin/conda").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "root/bin/conda").chmod(0o755)
    (tmp_path / "home/.conda").mkdir(parents=True)
    return make


@pytest.fixture
def found(tmp_path):
    """Give a function that tells in which folder `dup` is found, here and in a container."""

    def find(inside: bool = True, **more: str) -> str:
        told = {name: value.replace("{}", str(tmp_path)) for name, value in more.items()}
        environ = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", **told}
        prefix = Path(find_environment("dup", environ).prefix)
        if inside:
            there = find_environment_inside(With(**environ), "dup")
            assert there is not None
            assert there.prefix == str(prefix)
        return str(prefix.parent.relative_to(tmp_path))

    return find


CONDA = {"CONDA_EXE": "{}/root/bin/conda"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (CONDA, "home/.conda/envs"),
        ({"PATH": "{}/root/bin:/usr/bin:/bin"}, "home/.conda/envs"),
        ({**CONDA, "CONDA_PREFIX": "{}/root/envs/dup", "CONDA_DEFAULT_ENV": "dup"}, "home/.conda/envs"),
        ({**CONDA, "MAMBA_ROOT_PREFIX": "{}/mamba"}, "home/.conda/envs"),
        ({"MAMBA_ROOT_PREFIX": "{}/mamba"}, "mamba/envs"),
        ({**CONDA, "CONDA_ENVS_PATH": "{}/none:{}/more"}, "more"),
        ({**CONDA, "CONDA_ENVS_DIRS": "~/../more"}, "more"),
    ],
)
def test_name_that_is_there_twice_is_the_one_that_conda_takes(made, found, variables, expected):
    made("root/envs", "home/.conda/envs", "mamba/envs", "more", "home/miniconda3/envs")
    assert found(**variables) == expected


def test_base_environment_comes_first_where_it_can_be_written_to(made, found, tmp_path):
    made("root/envs", "home/.conda/envs")
    (tmp_path / "root/conda-meta/history").touch()
    assert found(inside=False, **CONDA) == "root/envs"


@pytest.mark.parametrize(
    "settings",
    [
        "root/.condarc",
        "root/condarc.d/a.yml",
        "config/conda/condarc",
        "home/.config/conda/.condarc",
        "home/.conda/condarc.d/b.yaml",
        "home/.condarc",
        "active/.condarc",
        "my.yaml",
    ],
)
def test_settings_of_conda_say_where_to_look_first(made, found, tmp_path, settings):
    made("root/envs", "home/.conda/envs", "more", "weaker")
    variables = {**CONDA, "XDG_CONFIG_HOME": "{}/config", "CONDA_PREFIX": "{}/active", "CONDARC": "{}/my.yaml"}
    (tmp_path / settings).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / settings).write_text("# mine\nchannels: [x]\nenvs_dirs:\n  - ~/none\n  - $UP/more\n")
    assert found(**variables, UP=str(tmp_path)) == "more"
    if settings == "home/.condarc":
        (tmp_path / "root/.condarc").write_text(f"envs_path: [{tmp_path}/weaker]")
        assert found(**variables, UP=str(tmp_path)) == "more"
        (tmp_path / "root/.condarc").write_text(f"envs_dirs: #!final\n- {tmp_path}/weaker")
        assert found(**variables, UP=str(tmp_path)) == "weaker"


def test_settings_that_cannot_be_read_are_told(made, found, tmp_path):
    made("root/envs")
    (tmp_path / "home/.condarc").write_text("envs_dirs: [")
    with pytest.raises(ContainerError, match=r"home/\.condarc cannot be read"):
        found(**CONDA)


@pytest.mark.parametrize("variables", [CONDA, {}])
def test_name_that_conda_does_not_know_is_refused_if_there_are_two(made, found, tmp_path, variables):
    made("one", "two")
    (tmp_path / "link").symlink_to("one")
    lines = [f"{tmp_path}/{folder}/dup\n" for folder in ("one", "one", "link", "gone")]
    (tmp_path / "home/.conda/environments.txt").write_text("".join(lines))
    assert found(inside=False, **variables) == "one"
    (tmp_path / "home/.conda/environments.txt").write_text("".join([*lines, f"{tmp_path}/two/dup\n"]))
    with pytest.raises(ContainerError, match=f"{tmp_path}/one/dup, {tmp_path}/two/dup") as caught:
        found(**variables)
    assert caught.value.remedy == "Give the prefix of the one that is meant"
    active = {"CONDA_PREFIX": "{}/two/dup", "CONDA_DEFAULT_ENV": "dup"}
    assert found(inside=False, **variables, **active) == "two"


def test_name_in_two_installations_is_refused_if_neither_is_in_use(made, found, tmp_path):
    made("home/miniconda3/envs", "home/.conda/envs")
    for wrapper in (None, With(HOME=str(tmp_path / "home"), PATH="/usr/bin:/bin")):
        with pytest.raises(ContainerError, match="there are several conda environments 'dup'"):
            found() if wrapper is None else find_environment_inside(wrapper, "dup")


def test_name_that_two_environments_told_by_conda_have_is_refused(made, found, tmp_path):
    made("one", "two")
    told = json.dumps({"envs": [f"{tmp_path}/one/dup", f"{tmp_path}/two/dup", str(tmp_path)]})
    (tmp_path / "root/bin/conda").write_text(f"#!/bin/sh\necho '{told}'\n")
    with pytest.raises(ContainerError, match="there are several"):
        found(PATH="{}/root/bin:/usr/bin:/bin")


def test_folder_that_conda_would_take_for_an_environment_is_told(made, found, tmp_path):
    made("root/envs")
    (tmp_path / "home/.conda/envs/dup").mkdir(parents=True)
    with pytest.raises(ContainerError, match=r"conda takes the folder .*/\.conda/envs/dup for 'dup'"):
        found(**CONDA)


@pytest.mark.parametrize("name", ["base", "root"])
def test_base_environment_is_that_of_the_conda_in_use(made, tmp_path, name):
    (tmp_path / "home/miniconda3/conda-meta").mkdir(parents=True)
    environ = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "CONDA_EXE": f"{tmp_path}/root/bin/conda"}
    for found in (find_environment(name, environ), find_environment_inside(With(**environ), name)):
        assert (found.prefix, found.name) == (f"{tmp_path}/root", "base")


def test_prefix_needs_no_settings(made, tmp_path):
    made("one")
    (tmp_path / "home/.condarc").write_text("envs_dirs: [")
    assert find_environment(f"{tmp_path}/one/dup", {"HOME": str(tmp_path / "home")}).prefix == f"{tmp_path}/one/dup"
    assert find_environment_inside(Native(), f"{tmp_path}/one/dup").prefix == f"{tmp_path}/one/dup"
