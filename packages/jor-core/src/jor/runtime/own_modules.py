"""What a job module gets by `import`: the modules of its own folder, and never those of another job module's.

A process that runs jobs has one job module, and Python's rule for a script: its folder comes first. All other processes
of jor load several job modules, and import by themselves as they go on. There the folder of a job module counts only
while something of it is called, and comes after the standard library.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Collection, Iterable, Sequence

#: What Python has loaded before it runs a script: no file beside that takes the place of these.
_FIRST = ("_collections_abc", "abc", "codecs", "encodings", "genericpath", "io", "ntpath", "os", "posixpath", "site")
#: What jor needs where jobs run: os.wait4 imports resource by itself.
_NEEDED = ("jor", "__main__", "resource", "stat")
_LIBRARY = os.path.dirname(os.__file__)
_OF_PYTHON: Iterable[str] = getattr(sys, "stdlib_module_names", ())  # since Python 3.10


def is_of_python(name: str) -> bool:
    """Tell whether the standard library has a module of this name."""
    if name in sys.builtin_module_names or name in _OF_PYTHON:
        return True
    return not _OF_PYTHON and _find(name, [_LIBRARY, os.path.join(_LIBRARY, "lib-dynload")]) is not None


def folders_of(jobmodule: str) -> list[str]:
    """Return where a job module's own modules are: in its folder, and if it is a link also in that of the file."""
    folder = os.path.dirname(os.path.abspath(jobmodule))
    leads_to = os.path.dirname(os.path.realpath(jobmodule)) if os.path.islink(jobmodule) else folder
    return [folder] if leads_to == folder else [folder, leads_to]


def shadows(jobmodule: str) -> list[str]:
    """Return the files beside a job module that take the place of modules of the standard library in jobs."""
    files: list[str] = []
    for folder in folders_of(jobmodule):
        names = {name.partition(".")[0] for name in os.listdir(folder)}
        fit = (name for name in sorted(names) if _can_be_shadowed(name) and is_of_python(name))
        files += [found.origin for name in fit if (found := _find(name, [folder])) and found.origin]
    return [file for file in files if file != os.path.abspath(jobmodule)]


def enter_for_good(jobmodule: str) -> None:
    """Let imports of this process find what lies beside a job module before all else, as for `python JOBMODULE`."""
    folders = folders_of(jobmodule)
    stem = os.path.basename(jobmodule)[:-3]
    if is_of_python(stem):
        importlib.import_module(stem)  # the job module is meant for jobs; this name is what libraries import
    names = {name for name in _top_level(sys.modules) if name != stem and _can_be_shadowed(name)}
    _take_out({name for name in names if _find(name, folders)})
    sys.path[:0] = folders


class OwnModules:
    """The modules of one folder: they are this process's while this context is entered, and unseen otherwise."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._modules: dict[str, ModuleType] = {}
        self._path: list[str] = []
        #: Names that stand for other modules outside.
        self._hiding: frozenset[str] = frozenset()
        self._depth = 0
        #: As they were when this was entered: sys.path and its content, names, and modules that are hidden.
        self._outside: tuple[list[str], list[str], set[str], dict[str, ModuleType]]

    def read_again(self) -> OwnModules:
        """Return this, knowing what the folder has now."""
        # Not importlib.invalidate_caches(), which loads importlib.metadata from Python 3.13 on: 0.1 s.
        for finder in list(sys.path_importer_cache.values()):
            getattr(finder, "invalidate_caches", lambda: None)()
        names = {name for name in _top_level(sys.modules) if _can_be_shadowed(name) and not is_of_python(name)}
        self._hiding = frozenset(name for name in names if self._is_another(name))
        return self

    def add(self, name: str, module: ModuleType) -> None:
        """Enter a module under its name."""
        self._modules[name] = sys.modules[name] = module

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        hidden = {name: module for name in self._modules if (module := sys.modules.get(name)) is not None}
        if self._hiding:
            hidden.update(_take_out(self._hiding))
        self._outside = sys.path, list(sys.path), set(sys.modules), hidden
        sys.path[:] = self._path or _behind_the_library(self._folders, sys.path)
        sys.modules.update(self._modules)

    def __exit__(self, *_: Any) -> None:
        self._depth -= 1
        if self._depth:
            return
        path, content, names, hidden = self._outside
        mine = self._found_here(sys.modules.keys() - names, content)
        self._modules = {name: sys.modules[name] for name in (*self._modules, *mine) if name in sys.modules}
        self._path = list(sys.path)
        lasting = _top_level(name for name, module in self._modules.items() if _is_compiled(module))
        for name in self._modules:
            if name.partition(".")[0] not in lasting:
                del sys.modules[name]
        sys.path = path
        sys.path[:] = content
        sys.modules.update(hidden)

    def _found_here(self, names: Collection[str], outside: Sequence[str]) -> list[str]:
        """Return those of newly loaded modules that were found in the folder, or where its modules look as well."""
        if not names:
            return []
        entries = [*map(os.path.abspath, sys.path)]
        own = {*self._folders, *set(entries).difference(map(os.path.abspath, outside))}
        return [name for name in names if _is_below(sys.modules[name], entries, own)]

    def _is_another(self, name: str) -> bool:
        """Tell whether the folder has its own module of this name, and what is loaded is another, or an older one."""
        if not _find(name, self._folders):
            return False
        loaded = [module for key, module in sys.modules.items() if key.partition(".")[0] == name]
        is_here = _is_below(sys.modules[name], self._folders, self._folders)
        return not (is_here and any(map(_is_compiled, loaded)))  # a compiled one cannot be loaded twice


def _can_be_shadowed(name: str) -> bool:
    return name not in (*_FIRST, *_NEEDED, *sys.builtin_module_names)


def _find(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    """Return the spec of a module or package in one of `folders`; a folder without __init__.py is none."""
    spec = PathFinder.find_spec(name, folders)
    return spec if spec is not None and spec.origin else None


def _top_level(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def _take_out(names: Iterable[str]) -> dict[str, ModuleType]:
    """Take top-level modules, with all below them, out of sys.modules; return them."""
    return {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in names}


def _behind_the_library(folders: Sequence[str], path: Sequence[str]) -> list[str]:
    first = [entry for entry in path if _is_library(entry)]
    return [*first, *folders, *(entry for entry in path if entry not in first)]


def _is_library(entry: str) -> bool:
    is_zip = re.fullmatch(r"python\d+\.zip", os.path.basename(entry))
    return bool(is_zip) or (f"{entry}/".startswith(f"{_LIBRARY}/") and not _is_site(entry))


def _is_site(entry: str) -> bool:
    """Tell whether packages are installed there: they are everybody's, wherever the folder lies."""
    return os.path.basename(entry) in ("site-packages", "dist-packages")


def _is_below(module: ModuleType, entries: Sequence[str], own: Iterable[str]) -> bool:
    """Tell whether a module was found by one of the entries of sys.path that are `own`."""
    content = getattr(module, "__dict__", {})
    place = content.get("__file__") or next(iter(content.get("__path__", ())), None)
    if not isinstance(place, str):
        return False
    place = os.path.abspath(place)
    nearest = max((entry for entry in entries if place.startswith(os.path.join(entry, ""))), key=len, default="")
    return nearest in own and not _is_site(nearest)


def _is_compiled(module: ModuleType) -> bool:
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), ExtensionFileLoader)
