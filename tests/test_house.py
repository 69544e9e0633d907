"""The house's own laws: what the repository holds, and what its documents promise."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from jor.settings.options import OPTIONS
from jor_cli.flags import SHARED
from jor_cli.main import COMMANDS, cli

ROOT = Path(__file__).parent.parent
PACKAGES = {"jor-core": "jor", "jor-slurm": "jor_slurm", "jor-containers": "jor_containers", "jor-cli": "jor_cli"}
README = (ROOT / "README.md").read_text()
(SECTION,) = re.findall(r"^## The commands\n(.*?)^## ", README, flags=re.DOTALL | re.MULTILINE)


def test_top_level_is_as_agreed() -> None:
    allowed = {"pyproject.toml", "README.md", "packages", "tests", "examples", "tools", "noxfile.py"}
    allowed |= {"LICENSE", "CHANGELOG.md"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - {"dist", "build"} == allowed


def test_all_versions_and_pins_are_the_same() -> None:
    versions = {importlib.import_module(module).__version__ for module in PACKAGES.values()}
    cli = (ROOT / "packages/jor-cli/pyproject.toml").read_text()
    pins = re.findall(r'"jor-(?:core|slurm|containers)==([^"]+)"', cli)
    assert len(pins) == 3
    assert {*pins, *versions} == {pins[0]}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_has_readme_types_and_licence(package: str) -> None:
    folder = ROOT / "packages" / package
    assert (folder / "README.md").read_text().startswith(f"# {package}\n")
    assert (folder / "src" / PACKAGES[package] / "py.typed").exists()
    assert 'license = "MIT"' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_readme_tells_each_option_as_the_code_has_it(option) -> None:
    default = "" if option.default is None else f"`{option.default}`"
    names = "all" if option.in_class and option.in_todo else "todo" if option.in_todo else ""
    where = {"all": "todo-list, class", "todo": "todo-list", "": ""}[names]
    row = f"| `{option.name}` | `[{option.section}]` | {option.kind.name} | {default} | {where} | {option.help} |"
    assert row in README.splitlines()


def test_readme_tells_each_command_and_no_other() -> None:
    assert re.findall(r"^\| `jor ([a-z]+)", SECTION, flags=re.MULTILINE) == list(COMMANDS)


def own_flags(command: click.Command) -> set[str]:
    """Return the flags of a command that are no options of the table, by their long names."""
    options = [one for one in command.params if isinstance(one, click.Option)]
    long = {flag for one in options for flag in one.opts if flag.startswith("--")}
    return long - {f"--{option.name}" for option in OPTIONS} - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_tells_the_flags_of_each_command_and_no_others(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    (row,) = re.findall(rf"^\| `jor {name}\b.*", SECTION, flags=re.MULTILINE)
    told = set(re.findall(r"`(--[a-z-]+)", row))
    assert own_flags(command) <= told
    assert told <= {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}


def test_each_option_is_a_flag_of_a_command_with_the_same_help() -> None:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    flags = [one for command in commands for one in command.params if isinstance(one, click.Option)]
    told = {(name, flag.help) for flag in flags for name in flag.opts}
    assert [option.name for option in OPTIONS if (f"--{option.name}", option.help) not in told] == []


def test_readme_tells_the_flags_of_all_commands() -> None:
    (paragraph,) = re.findall(r"^`jor COMMAND --help` tells.*?\n\n", SECTION, flags=re.DOTALL | re.MULTILINE)
    assert own_flags(cli) == set(re.findall(r"`(?:jor )?(--[a-z-]+)`", paragraph)) - {f"--{name}" for name in SHARED}


def test_readme_shows_only_commands_and_flags_that_are_there() -> None:
    for name, rest in re.findall(r"(?:^\$ |`)jor ([a-z]+)([^`\n|#]*)", README, flags=re.MULTILINE):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, name
        there = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help"}
        quoted = re.sub(r"'[^']*'", "", rest)
        assert set(re.findall(r"--[a-z-]+", quoted)) <= there, (name, rest)


def test_readme_tells_no_option_that_is_not_there() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| `\[", README, flags=re.MULTILINE)
    assert rows == [option.name for option in OPTIONS]


def test_readme_shows_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_shows_the_example_as_it_is() -> None:
    blocks = re.findall(r"```(?:python|yaml|ini)\n(.*?)```", README, flags=re.DOTALL)
    for name in ("jobs_example.py", "todo.yaml", "jor.cfg"):
        assert (ROOT / "examples/basic" / name).read_text() in blocks, name


def test_modules_are_not_longer_than_four_hundred_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in ROOT.glob("packages/*/src/**/*.py")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}
