"""YAML with the place of everything: files to nodes, nodes to plain values.

The core schema of YAML 1.2 (yaml.org/spec/1.2.2, 10.3) is read, not PyYAML's 1.1: `no` is a text, `1:30` is no number
of seconds, `1e-3` is a number, dates are texts.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

from ..errors import TodoError

#: Largest file that is read, bytes; a larger sweep belongs into `sweep:` or the job module.
MAX_SIZE = 16 * 2**20
#: Deepest nesting of lists and mappings.
MAX_DEPTH = 100
#: Most values that one file may stand for: aliases can multiply without end.
MAX_VALUES = 1_000_000
#: Longest number, characters: Python takes quadratic time for longer ones, or refuses them.
MAX_DIGITS = 1_000

#: Tag of an empty value, `~` and `null`.
NULL = "tag:yaml.org,2002:null"
_MERGE, _MAPPING, _LIST = (f"tag:yaml.org,2002:{name}" for name in ("merge", "map", "seq"))


_ELSEWHERE = "Put large values into a file that the job module reads"


def compose(path: str) -> tuple[yaml.Node | None, Builder]:
    """Return the root node of the YAML file at `path`, None if it is empty, and what builds values from its nodes.

    Raise TodoError, with line and column, when it is not one YAML document in UTF-8 of at most MAX_SIZE bytes.
    """
    text = _read(path)
    try:
        _refuse_excess(text, path)
        loader = _Loader(text)
        return loader.get_single_node(), Builder(loader, path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        remedy = "Mend the YAML: indent with blanks, put a blank behind each colon, quotes around texts with : or #"
        what = error.problem
        marked = "".join(text.splitlines()[mark.line : mark.line + 1]) if mark else ""
        if mark and marked.lstrip(" ").startswith("\t"):
            what, remedy = f"line {mark.line + 1} begins with a tab", "Write blanks instead: YAML is indented with them"
        raise TodoError(f"not YAML: {what}", where=where, remedy=remedy) from None
    except yaml.YAMLError as error:  # a character that YAML does not allow
        line = text.encode()[: getattr(error, "position", 0)].count(b"\n") + 1
        what = f"not YAML: {str(error).splitlines()[0]}"
        raise TodoError(what, where=f"{path}:{line}", remedy="Delete that character") from None


def _refuse_excess(text: str, path: str) -> None:
    """Refuse what would exhaust stack or memory when nodes are composed: events come one by one."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, _Loader)):
        if number > MAX_VALUES:
            raise TodoError(f"more than {MAX_VALUES:,} values", where=at(path, event), remedy=_ELSEWHERE)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise TodoError("nested too deeply", where=at(path, event), remedy=_ELSEWHERE)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        remedy = "Make one by jor init, or name another with --todo-list"
        raise TodoError("there is no todo-list", where=path, remedy=remedy) from None
    except OSError as error:
        remedy = "Make it a readable file, or name another with --todo-list"
        raise TodoError(f"the todo-list cannot be read: {error.strerror}", where=path, remedy=remedy) from None
    if len(content) > MAX_SIZE:
        remedy = "List the jobs in the job module, or use sweep: for products"
        raise TodoError(f"the todo-list is larger than {MAX_SIZE // 2**20} MiB", where=path, remedy=remedy)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        remedy = "Save it with the encoding UTF-8"
        raise TodoError("the todo-list is not UTF-8 text", where=f"{path}:{line}", remedy=remedy) from None


def at(path: str, node: yaml.Node | yaml.Event) -> str:
    """Return the place of a YAML node or event: file, line, column."""
    assert node.start_mark is not None
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # chosen by what libyaml offers
    """YAML 1.2's core schema: `no` is a text, `1:30` is no number, `1e-3` is one; no dates."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("int", r"0x[0-9a-fA-F]+", "0"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
):
    _firsts = [""] if _first == "\0" else list(_first.replace("\0", "")) + ([""] if "\0" in _first else [])
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _firsts)


_SCALARS = ("str", "bool", "null", "int", "float")


class Builder:
    """Turns YAML nodes into plain values, refusing duplicate keys, and aliases that multiply without end."""

    def __init__(self, loader: Any, path: str) -> None:
        self._loader = loader
        self._path = path
        self._left = MAX_VALUES

    def value(self, node: yaml.Node, depth: int = MAX_DEPTH) -> Any:
        """Return the value of `node`, whose content may be nested `depth` deep."""
        self._spend(1, node, depth)
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return {self.value(key): self.value(item, depth - 1) for key, item in self.pairs(node)}
        if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
            return [self.value(item, depth - 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._tagged(node)

    def pairs(self, node: yaml.MappingNode, depth: int = MAX_DEPTH) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return the keys and values of a mapping, merged (`<<`) and without duplicates."""
        seen = set()
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                remedy = "Write a text or a number before the colon"
                raise TodoError("this key is no plain text or number", where=at(self._path, key), remedy=remedy)
            if key.tag == _MERGE:
                self._merge(item, depth - 1)
            elif key.value in seen:
                raise TodoError(
                    f"the key {key.value!r} stands twice", where=at(self._path, key), remedy="Keep one of them"
                )
            seen.add(key.value)
        self._loader.flatten_mapping(node)
        # Kept without the duplicates: an alias may bring the node here again.
        pairs: list[tuple[yaml.Node, yaml.Node]] = list({key.value: (key, item) for key, item in node.value}.values())
        node.value = pairs
        return pairs

    def _merge(self, node: yaml.Node, depth: int) -> None:
        """Merge within what a `<<` names, before it is copied: else aliases would multiply in flatten_mapping."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                remedy = "Name one by its alias: <<: *name"
                raise TodoError("<< merges mappings, and this is none", where=at(self._path, source), remedy=remedy)
            self._spend(len(source.value), source, depth)
            self.pairs(source, depth)

    def _spend(self, count: int, node: yaml.Node, depth: int) -> None:
        """Count values made of `node`. Raise TodoError when there are too many, or nested without end."""
        self._left -= count
        if depth == 0:
            remedy = "Write out what it stands for"
            raise TodoError("an alias stands for what it is part of", where=at(self._path, node), remedy=remedy)
        if self._left < 0:
            what = "the aliases stand for more than a million values"
            raise TodoError(what, where=at(self._path, node), remedy=_ELSEWHERE)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind not in _SCALARS:
            raise self._tagged(node)  # an empty `!!set` would be one, and no key
        if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
            what = f"this number is longer than {MAX_DIGITS:,} characters"
            raise TodoError(what, where=at(self._path, node), remedy=_ELSEWHERE)
        try:
            # YAML 1.1's octal reading of 010 is not in the core schema.
            if kind == "int" and not node.value.startswith("0x"):
                return int(node.value)
            if kind == "float" and "." not in node.value.lstrip("-+")[:1]:
                return float(node.value)
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError):  # a text that is not what its tag says
            raise self._tagged(node) from None

    def _tagged(self, node: yaml.Node) -> TodoError:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        return TodoError(f"the tag {tag!r} is not allowed here", where=at(self._path, node), remedy="Leave it out")
