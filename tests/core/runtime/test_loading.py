"""From a file to an object Jobs, or to the reason why there is none."""

from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest

from jor import JobModuleError
from jor.runtime.loading import ModuleLoader, construct, find

GOOD = """\
import jor

class Jobs(jor.JobsBase):
    def __init__(self, n=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"i": i} for i in range(n)]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a job module and return its path; the working directory is its folder."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="jobs_here.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def loader():
    """Give a loader."""
    return ModuleLoader()


def made(loader, path, **arguments):
    return construct(loader.load(path), arguments, ".", path)


@pytest.mark.parametrize("name", ["jobs_here.py", "jobs_here", "./jobs_here.py", "./jobs_here"])
def test_module_is_found_with_and_without_suffix(write, name):
    path = write(GOOD)
    assert find(name) == path


def test_missing_module_names_the_nearest(write):
    write(GOOD)
    with pytest.raises(JobModuleError, match=r"jobs_hre: there is no such job module\n  Did you mean 'jobs_here.py'\?"):
        find("jobs_hre")


def test_missing_module_in_an_empty_folder_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobModuleError, match="no Python file in"):
        find("jobs")
    with pytest.raises(JobModuleError, match="no folder 'no'"):
        find("no/jobs")


def test_folder_is_no_module(tmp_path):
    with pytest.raises(JobModuleError, match="the job module is a folder"):
        find(str(tmp_path))


def test_good_module_gives_jobs(loader, write):
    jobs = made(loader, write(GOOD), n=2)
    assert list(jobs._jobs) == [{"i": 0}, {"i": 1}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import jor\nclass Jobs(:\n", "jobs_here.py:2: "),
        ("import jor\n\nraise ValueError('no')\n", "jobs_here.py:3: loading it raised ValueError: no"),
        ("import sys\nsys.exit(0)\n", "jobs_here.py:2: loading it raised SystemExit: 0"),
        ("import not_there_at_all\n", f"Install not_there_at_all in {sys.prefix}, correct the import"),
        ("x = 1\n", "the job module has no class Jobs"),
        ("class Job: pass\n", "no class Jobs, but Job\n"),
        ("class Jobs: pass\n", "Jobs is not derived from jor.JobsBase"),
        ("Jobs = 3\n", "Jobs is not derived from jor.JobsBase"),
    ],
)
def test_module_that_cannot_be_used_is_refused_with_place_and_reason(loader, write, text, message):
    with pytest.raises(JobModuleError) as caught:
        loader.load(write(text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("constructor", "arguments", "message"),
    [
        ("def __init__(self): pass", {}, "the constructor of Jobs does not take path_prefix"),
        ("def __init__(self, path_prefix): raise KeyError('k')", {}, "jobs_here.py:3: the constructor of Jobs raised"),
        ("def __init__(self, path_prefix): exit(3)", {}, "the constructor of Jobs raised SystemExit: 3"),
        ("def __init__(self, number=1, path_prefix='.'): pass", {"nummer": 1}, "Did you mean 'number'?"),
        ("def __init__(self, path_prefix='.'): pass", {"n": 1}, "Leave it out: it takes none but path_prefix"),
        ("def __init__(self, n, path_prefix='.'): pass", {}, "the constructor of Jobs needs the argument 'n'"),
        ("def __init__(self, path_prefix='.'): self._jobs = 5", {}, "_jobs is 5, not a sequence of dictionaries"),
        ("def __init__(self, path_prefix='.'): self._jobs = {1: 2}", {}, "not a sequence of dictionaries"),
        ("def __init__(self, path_prefix='.'): self._jobs = [1]", {}, r"_jobs[0] is 1, not a dictionary"),
        ("def __init__(self, path_prefix='.'): self._jobs = iter([])", {}, "not a sequence of dictionaries"),
        ("def __init__(self, path_prefix='.'): pass", {}, "class Jobs has no list of jobs"),
        ("def _mk_jobs(self): raise OSError('disk')", {}, "the constructor of Jobs raised OSError: disk"),
    ],
)
def test_class_that_cannot_be_made_is_refused_with_the_reason(loader, write, constructor, arguments, message):
    path = write(f"import jor\nclass Jobs(jor.JobsBase):\n    {constructor}\n")
    with pytest.raises(JobModuleError) as caught:
        made(loader, path, **arguments)
    assert message in str(caught.value)
    assert path in caught.value.where


LISTS = {
    "pd.DataFrame({'a': [1, 2]})": ("_jobs is a DataFrame, not a sequence", "self._jobs = df.to_dict('records')"),
    "pd.Series([{'a': 1}], index=['x'])": ("_jobs[0] raised KeyError: 0", "self._jobs = series.tolist()"),
    "pd.DataFrame({'a': [1]}).to_records()": ("_jobs[0] is ", "[dict(zip(array.dtype.names, row)) for row in"),
    "list(pd.DataFrame({'a': [1]}).itertuples())": ("_jobs[0] is Pandas(", "[row._asdict() for row in ...]"),
    "{'x': {'a': 1}}": ("_jobs is {'x': {'a': 1}}, not", "self._jobs = list(....values())"),
    "{'a': [1, 2]}": ("_jobs is {'a': [1, 2]}, not", "self._jobs = jor.grid(**...) for all combinations"),
    "({'a': i} for i in range(3))": ("_jobs is <generator", "self._jobs = list(...)"),
    "'abc'": ("_jobs is 'abc', not", "Let _mk_jobs set self._jobs to a list"),
    "type('Odd', (), {'__len__': lambda s: 2, '__getitem__': lambda s, i: 1 / 0})()": ("_jobs[0] raised Z", "Fix"),
}  # fmt: skip


@pytest.mark.parametrize("listed", LISTS)
def test_list_of_another_kind_is_refused_with_how_to_make_one(loader, write, listed):
    if "pd." in listed:
        pytest.importorskip("pandas")
    head = "import pandas as pd\n" if "pd." in listed else ""
    with pytest.raises(JobModuleError) as caught:
        made(loader, write(f"{head}import jor\nclass Jobs(jor.JobsBase):\n    _jobs = {listed}\n"))
    what, remedy = LISTS[listed]
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_what_a_module_prints_stays_out_of_standard_output(loader, write, capsys):
    made(loader, write("print('hello')\n" + GOOD))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_directory_and_umask_are_as_before(loader, write, tmp_path):
    before = os.umask(0o022)
    made(loader, write("import os\nos.chdir('/')\nos.umask(0o777)\n" + GOOD))
    assert os.getcwd() == str(tmp_path)
    assert os.umask(before) == 0o022


def test_no_compiled_copy_is_left_beside_the_module(loader, write, tmp_path):
    loader.load(write(GOOD))
    assert [path.name for path in tmp_path.iterdir()] == ["jobs_here.py"]


def test_module_called_json_does_not_hide_the_library(loader, write):
    made(loader, write(GOOD, "json.py"))
    import json

    assert json.loads("[1]") == [1]


def test_other_loader_reads_module_and_helpers_again(loader, write):
    path = write(GOOD.replace("import jor", "import jor\nimport beside").replace("n=3", "n=beside.N"))
    write("N = 1\n", "beside.py")
    assert len(made(loader, path)._jobs) == 1
    write("N = 22\n", "beside.py")
    assert len(made(loader, path)._jobs) == 1
    assert len(made(ModuleLoader(), path)._jobs) == 22


def test_loading_leaves_the_process_as_it_was(loader, write, monkeypatch):
    path = write(GOOD)
    own = ModuleType("own")
    own.__file__ = os.path.join(os.path.dirname(path), "own.py")
    monkeypatch.setitem(sys.modules, "own", own)
    before = sys.path, list(sys.path), dict(sys.modules)
    for name in ("one/jobs_a.py", "two/jobs_b.py", "jobs_here.py"):
        loader.load(write(GOOD, name))
    assert (sys.path, list(sys.path), dict(sys.modules)) == before
    assert sys.path is before[0]
