"""The house's own laws: what the repository holds, and what its documents promise."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
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


def test_mutants_are_still_there_to_be_made() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    mutants = importlib.import_module("mutants")
    assert len(list(mutants.named())) == 9
    assert len(list(mutants.drawn(1, 21))) == 21


def test_modules_are_not_longer_than_four_hundred_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in ROOT.glob("packages/*/src/**/*.py")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py"))
#: Methods by which a dictionary, list or set is changed.
MUTATING = {"add", "append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}


def last_name(node: ast.expr | None) -> str:
    """Return the last part of a dotted name, also of one that is called: `functools.cache` and `cache(f)` are cache."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "attr", getattr(node, "id", ""))


def changed_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names whose items are set or deleted, or that have a method called that changes them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            yield node.value.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING:
            yield getattr(node.func.value, "id", "")


def remembered(tree: ast.Module) -> Iterator[str]:
    """Yield what a module keeps from one call to the next: caches, and dictionaries, lists and sets that it fills."""
    changed = set(changed_names(tree))
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if {"cache", "lru_cache"} & set(map(last_name, node.decorator_list)):
                yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_cache = isinstance(node.value, ast.Call) and last_name(node.value) in ("cache", "lru_cache")
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from (name for name in names if is_cache or name in changed)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.FunctionDef) and node.name == "forget":
            yield node.name


def test_one_module_writes_to_the_terminal() -> None:
    """Names are data on the screen: what click prints would not be escaped."""
    pattern = re.compile(r"\bclick\.(?:echo|secho|style)\b|\bfrom click import\b")
    files = (ROOT / "packages/jor-cli/src").rglob("*.py")
    assert [path.name for path in files if pattern.search(path.read_text())] == ["terminal.py"]


def test_no_module_remembers_what_an_object_should() -> None:
    """What is asked once is a field of an object that lives as long as the command: a module lives for ever."""
    found = {str(path.relative_to(ROOT)): list(remembered(ast.parse(path.read_text()))) for path in SOURCES}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "@cache\ndef f(): ...",
        "@functools.lru_cache(1)\ndef f(): ...",
        "f = cache(g)",
        "f = {}\ndef g(): f[1] = 2",
        "f: list = []\ndef g(): f.append(1)",
        "def g():\n    global f",
        "class A:\n    def forget(self): ...",
    ],
)
def test_module_that_remembers_is_found(text: str) -> None:
    assert len(list(remembered(ast.parse(text)))) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_short(name: str) -> None:
    """The function of a command has 15 lines at most, without signature and docstring."""
    text = (ROOT / f"packages/jor-cli/src/jor_cli/commands/{name}.py").read_text()
    (command,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    first, last = command.body[1].lineno, command.body[-1].end_lineno
    assert len([line for line in text.splitlines()[first - 1 : last] if line.strip()]) <= 15
