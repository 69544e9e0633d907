"""Options: files, environment and command line, and which of them wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jor
from jor import ConfigError, JorError
from jor.settings.config import Config, Setting, class_layer, read_config
from jor.settings.options import BY_NAME, OPTIONS

LAYERS = ("command_line", "environment", "todo_item", "file", "job_module")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write jor.cfg into an empty working directory and read the configuration."""
    monkeypatch.chdir(tmp_path)
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)

    def read(text, **command_line):
        (tmp_path / "jor.cfg").write_bytes(text.encode() if isinstance(text, str) else text)
        return read_config(command_line)

    return read


def test_defaults_hold_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read_config({})
    assert {option.name: config[option.name] for option in OPTIONS} == {o.name: o.default for o in OPTIONS}


def test_file_of_jor_0_1_2_is_read(project):
    config = project(
        "[global]\npath-prefix = output\noverwrite-output = False\n\n[run]\ntodo-list = todo.yaml\n\n"
        "[submit]\nscheduler = local\npartition = day\nsif =\ncondaenv =\n\n[collect]\nmissing-output = ignore\n"
    )
    assert config.setting("path-prefix") == Setting("output", "./jor.cfg:2")
    assert config["overwrite-output"] is False
    assert config["partition"] == "day"
    assert config["sif"] is None


def test_byte_order_mark_and_percent_are_harmless(project):
    assert project("\ufeff[global]\npath-prefix = 50%d\n")["path-prefix"] == "50%d"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[globl]\nx = 1\n", "./jor.cfg:1: unknown section [globl]\n  Did you mean 'global'?"),
        (
            "[global]\n\npath_prefix = x\n",
            "./jor.cfg:3: unknown key 'path_prefix' in section [global]\n  Did you mean 'path-prefix'?",
        ),
        (
            "[run]\npath-prefix = x\n",
            "./jor.cfg:2: unknown key 'path-prefix' in section [run]\n  Move it to the section [global]",
        ),
        (
            "[global]\noverwrite-output = maybe\n",
            "./jor.cfg:2: overwrite-output = 'maybe' cannot be used\n  Give True or False",
        ),
        ("[local]\nworkers = 0\n", "Give a whole number from 1 on"),
        ("[local]\nworkers = many\n", "Give a whole number from 1 on"),
        ("[local]\ngrace-period = -1\n", "Give a number of seconds"),
        ("[submit]\nscheduler = pbs\n", "Give local or slurm"),
        ("[run]\ntodo-list = a\ntodo-list = b\n", "./jor.cfg:3: the key 'todo-list' stands twice\n  Keep one of them"),
        ("[run]\n[run]\n", "./jor.cfg:2: the section [run] stands twice"),
        ("path-prefix = x\n", "./jor.cfg:1: a line before the first [section]"),
        ("[global]\nnonsense\n", "./jor.cfg:2: this line is not `key = value`"),
        ("[DEFAULT]\npath-prefix = x\n", "./jor.cfg:1: unknown section [DEFAULT]"),
        ("[global]\npath-prefix = ä\n".encode("latin-1"), "./jor.cfg: the file is not UTF-8 text"),
        ("[global]\n".encode("utf-16"), "./jor.cfg: the file is not UTF-8 text"),
    ],
)
def test_wrong_file_is_refused_with_place_and_remedy(project, text, message):
    with pytest.raises(ConfigError) as caught:
        project(text)
    assert message in str(caught.value)


def test_all_mistakes_of_a_file_are_told_at_once(project):
    with pytest.raises(JorError) as caught:
        project("[local]\nworkers = x\ngrace-period = y\n")
    assert "jor.cfg:2" in str(caught.value)
    assert "jor.cfg:3" in str(caught.value)


def test_folder_called_jor_cfg_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jor.cfg").mkdir()
    with pytest.raises(ConfigError, match=r"jor\.cfg: the file cannot be read: Is a directory"):
        read_config({})


def test_environment_is_read_and_checked(project, monkeypatch):
    monkeypatch.setenv("JOR_WORKERS", "3")
    assert project("[local]\nworkers = 5\n").setting("workers") == Setting(3, "$JOR_WORKERS")
    monkeypatch.setenv("JOR_WORKERS", "x")
    with pytest.raises(ConfigError, match=r"\$JOR_WORKERS: workers = 'x' cannot be used"):
        project("")


def test_misspelt_variable_is_refused_and_a_stranger_is_not(project, monkeypatch):
    monkeypatch.setenv("JOR_SOMETHING_ELSE", "1")
    project("")
    monkeypatch.setenv("JOR_WORKRES", "3")
    with pytest.raises(ConfigError, match=r"JOR_WORKRES\n  Did you mean 'JOR_WORKERS'\?"):
        project("")


@given(st.sets(st.sampled_from(LAYERS)))
def test_strongest_layer_wins(layers):
    config = Config(**{layer: {"workers": Setting(7, layer)} for layer in layers})
    expected = next((layer for layer in LAYERS if layer in layers), "default")
    assert config.setting("workers").source == expected


def test_class_attributes_count_when_they_differ_from_the_base():
    class Jobs(jor.JobsBase):
        mem = "1G"
        isolation = "spawn"

    layer = class_layer(Jobs)
    assert {name: setting.value for name, setting in layer.items()} == {"mem": "1G", "isolation": "spawn"}
    assert layer["mem"].source == "Jobs.mem"


def test_class_attribute_that_cannot_be_used_is_refused():
    class Jobs(jor.JobsBase):
        cpus_per_task = "two"

    with pytest.raises(ConfigError, match=r"Jobs.cpus_per_task: cpus-per-task = 'two' cannot be used"):
        class_layer(Jobs)


@given(st.text(alphabet=st.sampled_from("[]=:#; \nabglorunwksp-xt123%")))
def test_any_file_gives_a_configuration_or_an_explained_error(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("config")
    (folder / "jor.cfg").write_text(text)
    try:
        config = read_config({}, str(folder))
    except JorError:
        return
    assert all(config.setting(name).source for name in BY_NAME)
