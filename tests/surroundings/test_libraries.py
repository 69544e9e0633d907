"""What `isolation = auto` takes for real libraries: those only imported fork, and those whose threads have begun spawn.

On a laptop, tests are skipped where a library is missing; the nox session `libraries` installs them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jor.runtime.forking import SURVIVORS

MODULE = """\
{head}
import jor

class Jobs(jor.JobsBase):
    mem = "100M"
    cpus_per_task = {cpus}

    def _mk_jobs(self):
        self._jobs = jor.grid(n=range(2))

    def execute(self, i):
        open(self._get_output_path(**self._jobs[i]), "w").write(str({job}))
"""
ALL = """\
import numpy as np, scipy.linalg, scipy.stats, pandas as pd, pyarrow as pa, pyarrow.compute
import matplotlib, sklearn.cluster, sklearn.ensemble, numba, polars as pl
matplotlib.use("agg")
import matplotlib.pyplot
"""
#: They use the threads of polars, OpenBLAS, OpenMP and arrow.
ALL_USED = """[
    pl.DataFrame({"a": [1, 2] * 500}).lazy().group_by("a").len().collect().height,
    (np.ones((300, 300)) @ np.ones((300, 300))).sum(),
    sklearn.cluster.KMeans(2).fit(np.arange(6000.0).reshape(-1, 2)).n_iter_ > 0,
    pa.compute.sum(pa.array(range(1000))).as_py(),
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).groupby("a").b.sum().sum(),
]"""
NUMBA = """\
import numba, numpy as np
@numba.njit(parallel=True)
def total(a):
    s = 0.0
    for k in numba.prange(len(a)):
        s += a[k]
    return s
total(np.ones(1000))
"""


def taken(tmp_path: Path, head: str, job: str, cpus: int) -> str:
    """Run two jobs; return for which threads they did not fork, '' if they did."""
    for library in ("polars", "sklearn", "numba", "pyarrow", "matplotlib", "pandas"):
        if importlib.util.find_spec(library) is None and "JOR_REQUIRE_LIBRARIES" not in os.environ:
            pytest.skip(f"{library} is not installed")
    (tmp_path / "jobs_real.py").write_text(MODULE.format(head=head, job=job, cpus=cpus))
    command = [sys.executable, "-m", "jor_cli", "submit", "jobs_real.py", "--workers", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    journals = list(tmp_path.glob("job/.jor/*/runs/*/task-0.r0.jsonl"))
    events = [json.loads(line) for path in journals for line in path.read_text().splitlines()]
    (event,) = (event for event in events if event["kind"] == "isolation")
    return str(event.get("threads", ""))


@pytest.mark.parametrize("cpus", [1, 4])
def test_libraries_that_are_only_imported_fork(tmp_path: Path, cpus: int) -> None:
    assert taken(tmp_path, ALL, ALL_USED, cpus) == ""


def test_openblas_that_was_used_forks(tmp_path: Path) -> None:
    head = "import numpy as np\nA = np.ones((900, 900)) @ np.ones((900, 900))"
    assert taken(tmp_path, head, "(A @ A).sum()", 4) == ""


@pytest.mark.parametrize(
    ("head", "job", "cpus"),
    [
        ("import polars as pl\nG = pl.DataFrame({'a': [1]}).group_by('a').len()", "G.group_by('a').len().height", 1),
        ("import sklearn.cluster as c, numpy as np\nK = c.KMeans(2).fit(np.random.rand(9000, 3))", "K.n_iter_", 4),
        (NUMBA, "total(np.ones(1000))", 1),
        (NUMBA, "total(np.ones(1000))", 4),
        (
            "import io, pandas as pd\nF = pd.read_csv(io.StringIO('a,b\\n1,2\\n'), engine='pyarrow')",
            "pd.read_csv(io.StringIO('a,b\\n1,2\\n'), engine='pyarrow').a.sum()",
            1,
        ),
    ],
    ids=["polars", "openmp", "numba", "numba-4", "arrow"],
)
def test_libraries_whose_threads_have_begun_spawn(tmp_path: Path, head: str, job: str, cpus: int) -> None:
    assert taken(tmp_path, head, job, cpus)


def test_each_thread_that_counts_as_harmless_is_one_of_a_library(tmp_path: Path) -> None:
    """Else the table of them has grown old."""
    head = "import os, polars, pyarrow\nT = [open(f'/proc/self/task/{t}/comm').read() "
    head += "for t in os.listdir('/proc/self/task')]"
    assert taken(tmp_path, head, "T", 1) == ""
    names = (tmp_path / "job" / "n0.txt").read_text()
    assert [name for name in SURVIVORS if name not in names] == []
