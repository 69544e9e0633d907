"""An entry of five jobs, of which nothing has been run."""

from __future__ import annotations

import pytest

from jor.planning.planner import survey
from jor.settings.config import read_config
from jor.todo.reader import make_entry

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    name = "out"
    mem = "1G"

    def __init__(self, first=0, last=5, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"i": i} for i in range(first, last)]

    def execute(self, i):
        pass
"""


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Return the survey of an entry with five jobs, none done."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)
    (one,) = survey([make_entry("jobs_here", "")], read_config({}))
    return one
