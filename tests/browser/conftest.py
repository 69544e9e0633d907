"""Fixtures: a page in a real Chromium.

On a laptop, tests are skipped for want of it; the nox session `browser` provides it, or fails.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .chromium import Page, start


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page in a Chromium of its own."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    missing += [name for name in ("selenium",) if importlib.util.find_spec(name) is None]
    if missing:
        assert "JOR_REQUIRE_BROWSER" not in os.environ, f"missing here: {', '.join(missing)}"
        pytest.skip(f"missing here: {', '.join(missing)}; nox -s browser, as root, brings them")
    browser = start(tmp_path_factory.mktemp("chromium"))
    yield Page(browser)
    browser.quit()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of pictures: JOR_PICTURES, for those who want to look at them, else one that goes."""
    folder = Path(os.environ.get("JOR_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
