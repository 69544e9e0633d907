"""The Python files that belong to an entry: its job module, and what that imports of its own project."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Sequence

import attrs

#: Most files that are read, and the bytes of the largest.
MOST = 200
LARGEST = 10**6
#: Folders of installed packages, which may lie within a project.
_INSTALLED = ("site-packages", "dist-packages")


@attrs.frozen(eq=False)
class Source:
    """A Python file."""

    path: str
    tree: ast.Module


def own_sources(jobmodule: str, root: str) -> dict[str, Source]:
    """Return the files that a job module can reach by import statements below `root`, by real path; runs none.

    Functions' import statements count. What cannot be read or parsed is left out.
    """
    root = os.path.realpath(root)
    folders = [os.path.dirname(os.path.abspath(jobmodule)), *filter(None, sys.path)]
    folders = [folder for folder in map(os.path.realpath, folders) if _is_own(folder, root)]
    waiting, sources = [os.path.abspath(jobmodule)], dict[str, Source]()
    seen = set(waiting)
    while waiting and len(sources) < MOST:
        path = waiting.pop(0)
        source = _read(path)
        if source is None:
            continue
        sources[os.path.realpath(path)] = source
        for found in _imported(source, folders):
            if found not in seen and _is_own(found, root):
                seen.add(found)
                waiting.append(found)
    return sources


def _is_own(path: str, root: str) -> bool:
    below = os.path.relpath(path, root).split(os.sep)
    return below[0] != os.pardir and not any(part in _INSTALLED for part in below)


def _read(path: str) -> Source | None:
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST + 1)
        return Source(path, ast.parse(text)) if len(text) <= LARGEST else None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported(source: Source, folders: Sequence[str]) -> Iterator[str]:
    """Yield the files that the import statements of a file name, as far as they lie in `folders`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name.split("."), folders)
        elif isinstance(node, ast.ImportFrom):
            above = os.path.realpath(source.path)
            for _ in range(node.level):
                above = os.path.dirname(above)
            package = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _files([*package, alias.name], [above] if node.level else folders)


def _files(parts: Sequence[str], folders: Sequence[str]) -> Iterator[str]:
    """Yield the file of a module, and those of the packages that it is in; the last part may be a name in a module."""
    for folder in folders:
        for count in range(1, len(parts) + 1):
            path = os.path.join(folder, *parts[:count])
            for candidate in (f"{path}.py", os.path.join(path, "__init__.py")):
                if os.path.isfile(candidate):
                    yield candidate
