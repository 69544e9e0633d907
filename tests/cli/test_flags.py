"""Flags: made from the table of options, one winner each, before the command's name or after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jor.settings.options import OPTIONS
from jor_cli.commands.collect import command as collect
from jor_cli.flags import RUNNING, SHARED, as_flags, given
from jor_cli.main import COMMANDS, cli

VALUES = {
    "True or False": "True",
    "a whole number from 1 on": "3",
    "a number of seconds": "4.5",
    "a text of one line": "word",
    "a path": "some/path",
    "local or slurm": "slurm",
    "auto, True or False": "True",
    "auto, or a whole number from 1 on": "7",
    "a whole number from 0 on": "2",
    "a whole number from 0 to 2**64 - 1": "2",
    "a number from 1 to 100": "1.5",
    "a text of some lines": "word",
    "auto or fork or spawn or none": "spawn",
    "ignore or raise": "raise",
    "bundled or installed": "installed",
}


@pytest.fixture
def told(jor: Callable[..., str]) -> Callable[..., tuple[str, str]]:
    """Give a function that returns value and source of an option, as `jor config` tells them."""

    def tell(option: str, *args: str) -> tuple[str, str]:
        for line in jor(*args).splitlines():
            if line.split()[1:2] == [option]:
                _, _, value, source = line.split(maxsplit=3)
                return value, source
        raise AssertionError(f"config does not tell {option}")

    return tell


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_option_is_a_flag(told, option) -> None:
    value = VALUES[option.kind.name]
    flag = [f"--{option.name}"] if value == "True" else [f"--{option.name}", value]
    assert told(option.name, "config", *flag) == (value, "command line")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_option_is_an_environment_variable(told, environment: dict[str, str], option) -> None:
    environment[option.variable] = VALUES[option.kind.name]
    assert told(option.name, "config") == (VALUES[option.kind.name], f"${option.variable}")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_option_is_a_key_of_the_config_file(told, tmp_path: Path, option) -> None:
    (tmp_path / "jor.cfg").write_text(f"[{option.section}]\n{option.name} = {VALUES[option.kind.name]}\n")
    assert told(option.name, "config") == (VALUES[option.kind.name], "./jor.cfg:2")


def test_command_line_wins_over_environment_and_that_over_the_file(
    told, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "jor.cfg").write_text("[submit]\nmem = 1G\n")
    assert told("mem", "config") == ("1G", "./jor.cfg:2")
    environment["JOR_MEM"] = "2G"
    assert told("mem", "config") == ("2G", "$JOR_MEM")
    assert told("mem", "config", "--mem", "3G") == ("3G", "command line")


def test_empty_variable_and_key_are_not_set(told, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "jor.cfg").write_text("[submit]\nmem =\n")
    environment["JOR_MEM"] = ""
    assert told("mem", "config") == ("5G", "default")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--overwrite-output", "config"], "True"),
        (["config", "--overwrite-output"], "True"),
        (["--overwrite-output", "config", "--no-overwrite-output"], "False"),
        (["--no-overwrite-output", "config"], "False"),
    ],
    ids=" ".join,
)
def test_last_flag_wins_before_or_after_the_command(told, args: list[str], expected: str) -> None:
    assert told("overwrite-output", *args) == (expected, "command line")


def test_each_option_is_a_flag_of_run_or_collect() -> None:
    reachable = {*SHARED, *RUNNING, "missing-output", "collect"}
    assert reachable == {option.name for option in OPTIONS}


@pytest.mark.parametrize("command", COMMANDS)
def test_short_help_is_the_first_line_of_the_help(jor: Callable[..., str], command: str) -> None:
    assert COMMANDS[command].endswith(".")
    assert jor(command, "-h") == jor(command, "--help")


def test_help_imports_no_command_and_nothing_slow() -> None:
    program = (
        "import sys\nfrom jor_cli.main import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        "slow = {'rich', 'yaml', 'cattrs', 'asyncio'}\n"
        "slow |= {'jor.planning.planner', 'jor.local.scheduler', 'jor_cli.actions.run'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""


def test_command_knows_its_parts() -> None:
    assert list(COMMANDS) == cli.list_commands(None)
    assert all(cli.get_command(None, name).name == name for name in COMMANDS)


def test_unknown_command_is_answered_with_the_nearest(jor: Callable[..., str]) -> None:
    assert "No such command 'stauts'. Did you mean 'status'?" in jor("stauts")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_made(jor: Callable[..., str], environment: dict[str, str], shell: str) -> None:
    environment["_JOR_COMPLETE"] = f"{shell}_source"
    assert "_JOR_COMPLETE" in jor()


def test_completion_knows_commands_and_flags(jor: Callable[..., str], environment: dict[str, str]) -> None:
    environment.update(_JOR_COMPLETE="bash_complete", COMP_WORDS="jor st", COMP_CWORD="1")
    assert jor().split() == ["plain,status"]
    environment.update(COMP_WORDS="jor run --isol", COMP_CWORD="2")
    assert jor().split() == ["plain,--isolation"]


def test_flags_can_be_given_on_to_another_command():
    values = {
        "path-prefix": "a b",
        "sif": "-x.sif",
        "nv": False,
        "rocm": True,
        "container-options": "--no-home",
        "env": "",
    }
    assert given(collect.make_context("collect", as_flags(values))) == values
