"""Job modules whose file names are no names of modules, such as `jobs_v1.2.py` and `json.py`: here they have one.

What pickles a function of a job module names its module, and a child process that was not forked imports that. So this
is a package: its modules are looked for in the folders of sys.path, by their file names.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any

from .own_modules import is_of_python

__path__: list[str] = []
_LIBRARY = os.path.dirname(os.__file__)


def module_name(jobmodule: str) -> str:
    """Return the name of a job module in sys.modules, the same in every process."""
    file = os.path.basename(jobmodule)
    stem = file[:-3] if file.endswith(".py") else ""
    if stem.isidentifier() and stem not in ("jor", "__main__") and not is_of_python(stem):
        return stem
    coded = re.sub("[^0-9A-Za-z_]", lambda found: f"_x{ord(found[0]):x}_", stem or file)
    return f"{__name__}.{coded}"


class _Finder:
    """Finds a module of this package by its coded name."""

    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        package, _, _ = name.rpartition(".")
        if package != __name__:
            return None
        for folder in sys.path:
            if folder != _LIBRARY and os.path.isdir(folder or "."):
                for file in os.listdir(folder or "."):
                    path = os.path.join(folder, file)
                    if module_name(path) == name and os.path.isfile(path):
                        return spec_from_file_location(name, path)
        return None


sys.meta_path.append(_Finder)
