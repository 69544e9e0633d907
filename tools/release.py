"""Give all four packages, and the pins among them, one version: `python tools/release.py 1.2.0`."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def versioned() -> list[tuple[Path, str]]:
    """Return the places of the version: files, each with the pattern around it."""
    modules = sorted(ROOT.glob("packages/*/src/*/__init__.py"))
    literals = [(path, r'(?<=^__version__ = ")[^"]+') for path in modules]
    cli = ROOT / "packages/jor-cli/pyproject.toml"
    pins = [(cli, rf'(?<="jor-{name}==)[^"]+') for name in ("core", "slurm", "containers")]
    return literals + pins


def main(version: str) -> None:
    """Write `version` everywhere, and head the changelog's unreleased part with it."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        sys.exit(f"{version!r} is no version: write 1.2.0 or 1.2.0rc1")
    for path, pattern in versioned():
        text, count = re.subn(pattern, version, path.read_text(), flags=re.MULTILINE)
        if count != 1:
            sys.exit(f"{path}: {count} versions found, 1 expected")
        path.write_text(text)
    changelog = ROOT / "CHANGELOG.md"
    today = datetime.datetime.now(tz=datetime.timezone.utc).date()
    heading = f"## [Unreleased]\n\n## [{version}] - {today}"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]", heading, 1))
    print(f"All packages are {version} now. Look at the changes, run nox, and commit.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
