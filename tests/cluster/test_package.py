"""jor-slurm by itself, as its README shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.every_version
def test_program_of_the_readme_runs(cluster, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "packages/jor-slurm/README.md").read_text(), re.DOTALL)
    program = program.replace("/tmp/squares", str(tmp_path / "squares"))
    environment = {**os.environ, **cluster.environment}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[3] == "3 COMPLETED "
    assert [line for line in lines if "COMPLETED" not in line] == [lines[10]]
    assert lines[10].startswith("13 FAILED failed: its script ended with an error")
    assert (tmp_path / "squares-7.txt").read_text() == "49\n"
