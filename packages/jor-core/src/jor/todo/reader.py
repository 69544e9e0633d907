"""From todo.yaml to entries: a job module, its arguments, and the options it sets for itself."""

from __future__ import annotations

import itertools
import keyword
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import attrs
import yaml

from ..errors import ConfigError, JobargsError, JobModuleError, JorError, Mistakes, TodoError, nearest, raise_all
from ..runtime import jobargs, loading
from ..settings.config import Layer, read_setting
from ..settings.options import BY_NAME, OPTIONS
from .entry import Entry, project_root
from .yaml12 import NULL, Builder, at, compose

#: Most entries that one item's `sweep:` may make.
MAX_SWEEP = 10_000
#: Most mistakes that are told at once.
MAX_MISTAKES = 100

_EXAMPLE = "Write:\n    jobs:\n    - jobmodule: ./jobs_example.py\n      jobargs: n=3"
_ITEM_KEYS = ("jobmodule", "jobargs", "name", "sweep", *(option.name for option in OPTIONS if option.in_todo))


def make_entry(jobmodule: str, arguments: str, place: str = "") -> Entry:
    """Return the entry of a job module named on the command line, with jobargs as text."""
    return Entry(loading.find(jobmodule), _canonical(jobargs.parse(arguments)), place=place)


def read_todo(path: str) -> tuple[Entry, ...]:
    """Return the entries of the todo-list at `path`, in its order.

    Raise TodoError, or Mistakes with all there are, each with line and column.
    """
    entries, mistakes = peruse_todo(path)
    raise_all(mistakes)
    return entries


def peruse_todo(path: str) -> tuple[tuple[Entry, ...], Sequence[JorError]]:
    """Return the entries of the todo-list at `path` that can be used, and what is wrong with the others."""
    entries: list[Entry] = []
    mistakes: list[JorError] = []
    root_of = cache(project_root)
    try:
        root, build = compose(path)
        items = _items(root, build, path)
    except TodoError as error:
        return (), [error]
    for item in items:
        if len(mistakes) >= MAX_MISTAKES:
            what = f"there are {MAX_MISTAKES} mistakes or more"
            mistakes.append(TodoError(what, where=at(path, item), remedy="Mend those above first"))
            break
        try:
            entries += _entries(item, build, path, root_of)
        except Mistakes as several:
            mistakes += several.errors
        except JorError as error:
            mistakes.append(error)
    entries, repeated = _distinct(entries)
    return tuple(_told_apart(entries)), mistakes + repeated


def select(entries: tuple[Entry, ...], names: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the entries called one of `names` (name, that of the item, label, or job module), all for no names.

    Raise TodoError for a name that no entry has.
    """
    called = {entry: _names(entry) for entry in entries}
    for name in names:
        if not any(os.path.normpath(name) in known or name in known for known in called.values()):
            known = sorted({word for entry in entries for word in (entry.item, entry.label, entry.stem) if word})
            raise TodoError(f"there is no entry {name!r}", where="the todo-list", remedy=nearest(name, known))
    wanted = {*names, *map(os.path.normpath, names)}
    return tuple(entry for entry in entries if not names or called[entry] & wanted)


def _names(entry: Entry) -> set[str]:
    modules = (entry.stem, os.path.splitext(os.path.relpath(entry.jobmodule))[0])
    return {entry.item, entry.title, entry.label, *modules, *(f"{module}.py" for module in modules)} - {""}


def _items(root: yaml.Node | None, build: Builder, path: str) -> list[yaml.Node]:
    if root is None:
        raise TodoError("the todo-list is empty", where=path, remedy=_EXAMPLE)
    if not isinstance(root, yaml.MappingNode):
        raise TodoError("the todo-list does not start with jobs:", where=at(path, root), remedy=_EXAMPLE)
    pairs = build.pairs(root)
    for key, _ in pairs:
        if key.value != "jobs":
            remedy = "Call it jobs, or leave it out: there is no other key"
            raise TodoError(f"unknown key {key.value!r:.100}", where=at(path, key), remedy=remedy)
    if not pairs:
        raise TodoError("the todo-list has no key jobs", where=at(path, root), remedy=_EXAMPLE)
    ((_, jobs),) = pairs
    if not isinstance(jobs, yaml.SequenceNode) or not jobs.value:
        raise TodoError("jobs: is not a list of items", where=at(path, jobs), remedy=_EXAMPLE)
    return list(jobs.value)


def _entries(item: yaml.Node, build: Builder, path: str, root_of: Callable[[str], str]) -> list[Entry]:
    """Return the entries of one item; several if it has a sweep."""
    if not isinstance(item, yaml.MappingNode):
        raise TodoError("this item is not a mapping with jobmodule:", where=at(path, item), remedy=_EXAMPLE)
    nodes = {}
    unknown = []
    for key, node in build.pairs(item):
        if key.value not in _ITEM_KEYS:
            remedy = nearest(key.value, _ITEM_KEYS)
            unknown.append(TodoError(f"unknown key {key.value!r:.100}", where=at(path, key), remedy=remedy))
        elif node.tag != NULL:  # empty means not set
            nodes[key.value] = node
    raise_all(unknown)
    if "jobmodule" not in nodes:
        raise TodoError("this item has no jobmodule", where=at(path, item), remedy=_EXAMPLE)
    try:
        jobmodule = loading.find(_text(nodes["jobmodule"], path))
    except JobModuleError as error:
        place = at(path, nodes["jobmodule"])
        raise JobModuleError(error.what, where=f"{place}: {error.where}", remedy=error.remedy) from None
    arguments = _arguments(nodes.get("jobargs"), build, path)
    settings = _settings(nodes, path)
    name = _text(nodes["name"], path) if "name" in nodes else ""
    entries = []
    for swept in _sweep(nodes.get("sweep"), build, path):
        text = _located(_canonical, {**arguments, **swept}, nodes.get("jobargs", item), path)
        title = name and name + "".join(f" {key}={value}" for key, value in swept.items())
        entries.append(Entry(jobmodule, text, title, settings, at(path, item), name, root=root_of(jobmodule)))
    return entries


def _arguments(node: yaml.Node | None, build: Builder, path: str) -> Mapping[str, Any]:
    if node is None:
        return {}
    if isinstance(node, yaml.MappingNode):
        return _named(build.value(node), node, path)
    if isinstance(node, yaml.ScalarNode):
        arguments: Mapping[str, Any] = _located(jobargs.parse, node.value, node, path)
        return arguments
    raise TodoError(
        "jobargs is a list", where=at(path, node), remedy="Write: jobargs: n=3, method='pca', or a mapping of the same"
    )


def _sweep(node: yaml.Node | None, build: Builder, path: str) -> Iterator[Mapping[str, Any]]:
    """Yield the products of the lists of a sweep; one without arguments if there is no sweep."""
    axes = {} if node is None else build.value(node)
    lists = isinstance(axes, dict) and all(isinstance(values, list) and values for values in axes.values())
    if not lists or (node is not None and not axes):
        assert node is not None
        remedy = "Write: sweep: {n: [3, 4], method: [pca, ica]}"
        raise TodoError("sweep is not a mapping from arguments to lists", where=at(path, node), remedy=remedy)
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MAX_SWEEP:
        assert node is not None
        remedy = "List so many jobs in the job module: self._jobs = jor.grid(...)"
        raise TodoError(
            f"this sweep makes {count:,} entries, more than {MAX_SWEEP:,}", where=at(path, node), remedy=remedy
        )
    if node is not None:
        _named(axes, node, path)
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _settings(nodes: Mapping[str, yaml.Node], path: str) -> Layer:
    settings = {}
    mistakes: list[JorError] = []
    for name, node in nodes.items():
        if name in BY_NAME and not (isinstance(node, yaml.ScalarNode) and not node.value):
            try:
                settings[name] = read_setting(BY_NAME[name], _text(node, path), at(path, node))
            except (ConfigError, TodoError) as error:
                mistakes.append(error)
    if mistakes:
        raise Mistakes(mistakes)
    return settings


def _named(arguments: Mapping[Any, Any], node: yaml.Node, path: str) -> Mapping[str, Any]:
    for name in arguments:
        if not (isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)):
            remedy = "Write a name as in Python: letters, digits and underscores"
            raise TodoError(f"{name!r:.100} is no name of an argument", where=at(path, node), remedy=remedy)
    return arguments


def _canonical(arguments: Mapping[str, Any]) -> str:
    if "path_prefix" in arguments:
        remedy = "Set the option path-prefix instead (jor.cfg, or path-prefix: in the item)"
        raise JobargsError("path_prefix does not belong into jobargs", remedy=remedy)
    text = jobargs.render(arguments)
    jobargs.parse(text)  # YAML can say what is too long or too large for jobargs: told here, where the place is known
    return text


def _located(function: Any, argument: Any, node: yaml.Node, path: str) -> Any:
    """Return `function(argument)`, giving its JobargsError the place of `node`."""
    try:
        return function(argument)
    except JobargsError as error:
        raise JobargsError(error.what, where=at(path, node), remedy=error.remedy) from None


def _text(node: yaml.Node, path: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value or "\0" in node.value:
        raise TodoError("a text is needed here", where=at(path, node), remedy="Write one, on one line")
    return str(node.value)


def _distinct(entries: list[Entry]) -> tuple[list[Entry], list[JorError]]:
    """Return the entries without those that say what another has said, and an error for each of these."""
    first: dict[tuple[str, str, str], Entry] = {}
    mistakes: list[JorError] = []
    for entry in entries:
        prefix = entry.settings.get("path-prefix")
        arguments = jobargs.render(dict(sorted(jobargs.parse(entry.arguments).items())))
        same = first.setdefault((entry.jobmodule, arguments, str(prefix and prefix.value)), entry)
        if same is not entry:
            what = f"this entry is the same as the one at {same.place}: its jobs would have the same outputs"
            mistakes.append(TodoError(what, where=entry.place, remedy="Delete one of them"))
    return list(first.values()), mistakes


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """Return the entries, those that would be called alike with what tells them apart: job module, or path-prefix."""
    for tell in (_by_module, _by_prefix):
        alike: dict[str, list[Entry]] = {}
        for entry in entries:
            alike.setdefault(entry.title, []).append(entry)
        if len(alike) == len(entries):
            break
        entries = [tell(entry, alike[entry.title]) if len(alike[entry.title]) > 1 else entry for entry in entries]
    return entries


def _by_module(entry: Entry, alike: Sequence[Entry]) -> Entry:
    modules = {other.jobmodule for other in alike}
    if len(modules) == 1:
        return entry
    top = os.path.commonpath(map(os.path.dirname, modules))
    module = os.path.splitext(os.path.relpath(entry.jobmodule, top))[0]
    called = f"{entry.name} ({module})" if entry.name else module + entry.title.removeprefix(entry.stem)
    return attrs.evolve(entry, apart=called)


def _by_prefix(entry: Entry, _alike: Sequence[Entry]) -> Entry:
    prefix = entry.settings.get("path-prefix")
    return attrs.evolve(entry, apart=f"{entry.title} in {prefix.value}") if prefix else entry
