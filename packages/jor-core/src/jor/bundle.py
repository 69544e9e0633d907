"""The runtime as one file: what an environment needs that has a Python, 3.8 or newer, and no jor."""

from __future__ import annotations

import os

#: What travels, below the folder of the package: it imports the standard library alone.
_FILES = ("__init__.py", "__main__.py", "errors.py", "runtime")
_MAIN = "import sys\nfrom jor.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"


def write_bundle(path: str) -> None:
    """Write the zipapp at `path`; `python path exec ...` is `python -m jor exec ...`. Raise OSError."""
    import zipfile  # 15 ms, paid only where jobs run elsewhere

    package = os.path.dirname(os.path.abspath(__file__))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("__main__.py", _MAIN)
        for name in _FILES:
            for file in _python_files(os.path.join(package, name)):
                bundle.write(file, os.path.join("jor", os.path.relpath(file, package)))


def _python_files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(".py")]
