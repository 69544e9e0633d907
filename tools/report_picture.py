"""Draw the README's picture of a report: what `jor report` writes of a made-up sweep, in a real Chromium.

Needs chromium, chromedriver and selenium; `nox -s picture` brings them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "integration")]

from chromium import Page, start  # noqa: E402 # found there
from made_up import make_up  # noqa: E402


def main() -> None:
    """Write tools/report.png."""
    target = ROOT / "tools" / "report.png"
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "sweep")
        project.mkdir()
        make_up(project, 2000, tasks=60, hosts=4)
        subprocess.run([sys.executable, "-m", "jor_cli", "report"], cwd=project, check=True)
        browser = start(Path(scratch, "chromium"))
        try:
            page = Page(browser)
            page.open(project / "jor-report.html", 960, 800)
            page.choose("#colour", "time, the mean")
            page.shoot(target, "#usage")
        finally:
            browser.quit()
    print(f"{target.relative_to(ROOT)} is new")


if __name__ == "__main__":
    main()
