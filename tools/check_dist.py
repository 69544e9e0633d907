"""Look into wheels and sdists: `python tools/check_dist.py FOLDER`. What is wrong ends it with a message."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

#: What is no Python, and has to be in a wheel all the same.
PAGE = tuple(f"jor_cli/rendering/page/report.{suffix}" for suffix in ("html", "css", "js"))
PACKAGES = {"jor_core": "jor", "jor_slurm": "jor_slurm", "jor_containers": "jor_containers", "jor_cli": "jor_cli"}


def check(folder: Path) -> None:
    """Check that each package has one wheel and one sdist with its module, its types, and nothing else."""
    for name, module in PACKAGES.items():
        (wheel,) = folder.glob(f"{name}-*.whl")
        names = zipfile.ZipFile(wheel).namelist()
        tops = {path.split("/")[0] for path in names if ".dist-info" not in path}
        assert tops == {module}, f"{wheel.name} holds {tops}"
        assert f"{module}/py.typed" in names, f"{wheel.name} has no py.typed"
        assert module != "jor_cli" or set(PAGE) <= set(names), f"{wheel.name} lacks some of {PAGE}"
        metadata = next(path for path in names if path.endswith("/METADATA"))
        description = zipfile.ZipFile(wheel).read(metadata).decode().partition("\n\n")[2]
        assert description.startswith("# "), f"{wheel.name} has no README"
        (sdist,) = folder.glob(f"{name}-*.tar.gz")
        with tarfile.open(sdist) as archive:
            inside = {path.partition("/")[2].split("/")[0] for path in archive.getnames()}
        assert inside <= {"", "src", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}, f"{sdist.name}: {inside}"
        print(f"{wheel.name} and {sdist.name} are as they should be ({len(names)} files)")


if __name__ == "__main__":
    check(Path(sys.argv[1]))
