"""What jobs would draw alike, or never again: found in sources and in objects."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from jor.runtime.loading import ModuleLoader
from jor_cli.analysis.draws import find_draws
from jor_cli.analysis.own_sources import own_sources

pytest.importorskip("numpy")

JOBS = """\
{head}
import jor

class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = [{{"n": 1}}]
{body}
"""


def told(folder: Path, head: str = "", execute: str = "pass", more: str = "", **helpers: str) -> list[tuple[str, str]]:
    """Return what is told of a job module: the text of each line that is named, and what is said of it."""
    body = textwrap.indent(f"def execute(self, i):\n    {execute}\n{more}", "    ")
    path = folder / "jobs_draws.py"
    path.write_text(JOBS.format(head=head, body=body))
    for name, text in helpers.items():
        file = folder / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    jobs = ModuleLoader().make(str(path), "", str(folder))
    found = find_draws(own_sources(str(path), str(folder)), jobs)
    return [(Path(draw.path).read_text().splitlines()[draw.line - 1].strip(), draw.what) for draw in found]


SHARED = "each job would draw the same numbers, or none could be repeated"
OVERRIDDEN = "jobs do not draw from that seed"
UNSEEDED = "cannot be repeated"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import numpy as np; np.random.seed(1)", OVERRIDDEN),
        ("from numpy import random as r; r.seed(1)", OVERRIDDEN),
        ("from numpy.random import seed as s; s(1)", OVERRIDDEN),
        ("from numpy.random import *; seed(1)", OVERRIDDEN),
        ("import numpy; s = numpy.random.seed; s(1)", OVERRIDDEN),
        ("import random; random.seed(1)", OVERRIDDEN),
        ("import atexit; atexit.register(print)", "not called at the end of each job"),
        ("import atexit; atexit.register(lambda: 1)", "not called at the end of each job"),
        ("import numpy as np; S = np.random.get_state()", "go back to this state draw the same"),
        ("import random; random.setstate((3, (), None)) if random is None else 0", OVERRIDDEN),
        ("import numpy as np; rng = np.random.default_rng()", SHARED),
        ("import numpy as np; rng = np.random.default_rng(7)", SHARED),
        ("import numpy as np; draw = np.random.default_rng(7).normal", SHARED),
        ("import random; rng = random.Random(7)", SHARED),
        ("import numpy as np; R = [{'r': np.random.RandomState(1)}]", SHARED),
        ("from numpy.random import Generator as G, PCG64; rng = G(PCG64(3))", SHARED),
    ],
)
def test_what_a_module_does_when_it_is_loaded_is_named(tmp_path: Path, line: str, what: str) -> None:
    (found,) = told(tmp_path, line)
    assert found[0] == line
    assert what in found[1]


@pytest.mark.parametrize(
    "line",
    [
        "np.random.default_rng()", "np.random.default_rng(None)", "np.random.default_rng(seed=None)", "random.Random()",
        "np.random.RandomState()", "np.random.seed()", "random.seed()", "np.random.seed(int(time.time()))",
        "np.random.default_rng(os.getpid())",
    ],
)  # fmt: skip
def test_generator_that_gets_no_seed_of_the_job_is_named(tmp_path: Path, line: str) -> None:
    (found,) = told(tmp_path, "import os, random, time, numpy as np", line)
    assert found[0] == line
    assert UNSEEDED in found[1]


@pytest.mark.parametrize(
    "line",
    [
        "np.random.default_rng(i)", "random.Random(self.job_seed(i))", "np.random.seed(i)", "random.random()",
        "rng = self.job_numpy_rng(i)", "np.random.default_rng([1, i])", "time.time()", "random.SystemRandom()",
    ],
)  # fmt: skip
def test_nothing_is_told_of_what_is_the_jobs_own(tmp_path: Path, line: str) -> None:
    head = "import random, time, numpy as np; from numpy.random import normal; draw = np.random.normal"
    main = "if __name__ == '__main__':\n    random.seed(1)"
    assert told(tmp_path, f"{head}\n{main}", line) == []


HELD = {
    "an attribute": ("", "self.rng = np.random.default_rng(1)"),
    "an attribute of an attribute": ("class A:\n    pass", "self.a = A(); self.a.rng = np.random.default_rng(1)"),
    "a bound method": ("", "self.draw = np.random.default_rng(1).normal"),
    "a partial": ("import functools", "self.draw = functools.partial(max, np.random.RandomState(1))"),
    "a closure": ("def maker(r):\n    return lambda: r.random()", "self.draw = maker(random.Random(1))"),
}


@pytest.mark.parametrize(("head", "line"), HELD.values(), ids=HELD)
def test_generator_that_the_object_jobs_holds_is_named(tmp_path: Path, head: str, line: str) -> None:
    init = f"def __init__(self, path_prefix='.'):\n    super().__init__(path_prefix)\n    {line}"
    (found,) = told(tmp_path, f"import random\nimport numpy as np\n{head}", more=init)
    assert found[0] == line
    assert re.match(r"self\.\w+ holds a random generator that is made before the jobs begin: ", found[1])


def test_generator_of_a_class_is_named_once(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "import numpy as np", more="rng = np.random.default_rng()")
    assert found == (
        "rng = np.random.default_rng()",
        f"numpy.random.default_rng is called when the module is loaded: {SHARED}",
    )


def test_modules_that_the_job_module_imports_count(tmp_path: Path) -> None:
    """Those of its project: also where only a function imports them, and what they make by other libraries."""
    helper = "from pkg import deep\nfrom other import make\nrng = make()\ndef draw():\n    return rng.normal()\n"
    found = told(
        tmp_path,
        "from helper import draw",
        "import late",
        helper=helper,
        other="import numpy\ndef make():\n    return numpy.random.default_rng(3)\n",
        late="import random\nrandom.seed(2)\n",
        **{
            "pkg/__init__": "",
            "pkg/deep": "def setup(n):\n    import random\n    random.seed(n)\n\nsetup(3)\n",
        },
    )
    assert [line for line, _ in found] == ["rng = make()", "random.seed(2)", "random.seed(n)"]


def test_seed_of_a_class_that_is_left_alone_is_told_otherwise(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "import random; random.seed(1)", more="seed_generators = False")
    assert found[1].endswith("each job would draw the same numbers")


def test_installed_packages_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "installed_draws.py").write_text("import random\nrandom.seed(1)\n")
    monkeypatch.syspath_prepend(str(packages))
    assert told(tmp_path, "import installed_draws") == []


def test_exit_function_of_a_module_is_named_and_that_of_a_job_is_not(tmp_path: Path) -> None:
    head = "from atexit import register\n@register\ndef end(): pass"
    ((line, what),) = told(tmp_path, head, "register(print)")
    assert (line, "not called" in what) == ("def end(): pass", True)
