"""The house's own laws: what the repository holds, and what its documents promise."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from jor.options import OPTIONS
from jor_cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PACKAGES = {"jor-core": "jor", "jor-slurm": "jor_slurm", "jor-containers": "jor_containers", "jor-cli": "jor_cli"}
README = (ROOT / "README.md").read_text()


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
    (section,) = re.findall(r"^## The commands\n(.*?)^## ", README, flags=re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| `jor ([a-z]+)", section, flags=re.MULTILINE)
    assert rows == list(COMMANDS)


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
