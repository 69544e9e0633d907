"""Workers as processes, in each isolation."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine import Engine  # beside this file, whatever pytest's import mode

ISOLATIONS = ("fork", "spawn", "none")


@pytest.fixture
def engine(tmp_path):
    """Make engines that are ended after the test."""
    made = []

    def make(body, hows=("a",), **settings):
        made.append(Engine(tmp_path, textwrap.indent(textwrap.dedent(body), " " * 8), list(hows), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=ISOLATIONS)
def isolation(request):
    return request.param
