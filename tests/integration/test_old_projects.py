"""Job modules, todo-lists and config files that were written for jor 0.1.2 run as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, outputs

Write = Callable[..., None]

#: It makes its folder by itself, and asks for the path as the template of jor 0.1.2 does.
TEMPLATE = """\
import os
import jor


class Jobs(jor.JobsBase):

    # slurm options
    name = 'job'
    time = '0-23:59:59'
    mem = '5G'
    cpus_per_task = 1

    def __init__(self, n=3, path_prefix='.'):
        super().__init__(path_prefix=path_prefix)
        self.n = int(n)
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = [
            dict(index=i)
            for i in range(self.n)
        ]

    def _get_output_folder(self):
        return os.path.join(self.path_prefix, 'example{}'.format(self.n))

    def _get_output_fname(self, index):
        return 'ind%d.txt' % index

    def execute(self, i):
        if not os.path.isdir(self._get_output_folder()):
            os.makedirs(self._get_output_folder())
        output_path = self._get_output_path(**self._jobs[i])
        with open(output_path, 'wt') as f:
            f.write(str(self._jobs[i]) + '\\n')
"""

#: It puts the path together by itself.
DIRECT = TEMPLATE.replace(
    "self._get_output_path(**self._jobs[i])",
    "os.path.join(self._get_output_folder(), self._get_output_fname(**self._jobs[i]))",
)

TODO = """\
jobs:
- jobmodule: ./jobs_example.py
  jobargs: n=3
- jobmodule: ./jobs_example.py
  jobargs: n=4
"""

CONFIG = """\
[global]
path-prefix = output
overwrite-output = False

[run]
todo-list = todo.yaml

[submit]
scheduler = local
partition = day
sif =
condaenv =

[collect]
missing-output = ignore
"""


@pytest.mark.parametrize("module", [TEMPLATE, DIRECT], ids=["asks for the path", "makes up the path"])
def test_old_job_module_runs(jor: Jor, write: Write, tmp_path: Path, module: str) -> None:
    write(jobs_example=module, todo=TODO, cfg=CONFIG)
    assert jor("run").code == 0
    expected: dict[str, bytes | None] = {f"example{n}": None for n in (3, 4)}
    expected |= {f"example{n}/ind{i}.txt": b"{'index': %d}\n" % i for n in (3, 4) for i in range(n)}
    assert outputs(tmp_path / "output") == expected


@pytest.mark.parametrize("module", [TEMPLATE, DIRECT], ids=["asks for the path", "makes up the path"])
def test_old_job_module_runs_again_with_overwrite(jor: Jor, write: Write, tmp_path: Path, module: str) -> None:
    write(jobs_example=module, todo=TODO, cfg=CONFIG)
    jor("run")
    assert jor("--overwrite-output", "run").out.splitlines()[-1] == "[jor] 7 of 7 jobs done"


def test_empty_output_left_by_an_old_job_runs_again(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(jobs_example=DIRECT, todo=TODO, cfg=CONFIG)
    (tmp_path / "output/example3").mkdir(parents=True)
    (tmp_path / "output/example3/ind1.txt").touch()
    assert jor("run").code == 0
    assert (tmp_path / "output/example3/ind1.txt").read_text() == "{'index': 1}\n"


def test_empty_output_left_by_an_old_job_is_not_collected(jor: Jor, write: Write, tmp_path: Path) -> None:
    collect = """
    def collect(self):
        with open('collected', 'wt') as f:
            f.write(' '.join(map(os.path.basename, self.existing_outputs)))
    """
    write(jobs_example=DIRECT + collect, todo=TODO, cfg=CONFIG)
    folder = tmp_path / "output/example3"
    folder.mkdir(parents=True)
    (folder / "ind0.txt").write_text("{'index': 0}\n")
    (folder / "ind1.txt").touch()
    done = jor("collect", "jobs_example(n=3)")
    assert done.code == 0
    assert "2 of 3 jobs have no output" in done.err
    assert (tmp_path / "collected").read_text() == "ind0.txt"


@pytest.mark.parametrize(
    "todo",
    [
        "jobs:\n- jobmodule: ./jobs_example.py\n  jobargs: n=3\n",
        "jobs:\n- jobmodule: jobs_example.py\n  jobargs:\n",
        "jobs:\n- jobmodule: jobs_example\n  jobargs:   \n",
        "jobs:\n- jobmodule: ./jobs_example\n  jobargs: 'n=3'\n",
        'jobs:\n- jobmodule: "./jobs_example.py"\n  jobargs: "n=3"\n',
        "jobs:\n  - jobmodule: ./jobs_example.py\n    jobargs: n='3'\n",
        "jobs:\r\n- jobmodule: ./jobs_example.py\r\n  jobargs: n=3\r\n",
    ],
    ids=["as written", "no jobargs", "module by name", "quoted", "double quoted", "indented", "from Windows"],
)
def test_old_todo_list_is_read(jor: Jor, write: Write, tmp_path: Path, todo: str) -> None:
    write(jobs_example=TEMPLATE, todo=todo, cfg=CONFIG)
    assert jor("run").code == 0
    assert set(outputs(tmp_path / "output" / "example3")) == {"ind0.txt", "ind1.txt", "ind2.txt"}


@pytest.mark.parametrize("value", ["True", "true", "yes", "on", "1"])
def test_old_config_is_read_in_each_spelling(jor: Jor, write: Write, value: str) -> None:
    write(jobs_example=TEMPLATE, todo=TODO, cfg=CONFIG)
    jor("run")
    write(cfg=CONFIG.replace("overwrite-output = False", f"overwrite-output: {value}"))
    assert jor("run").out.splitlines()[-1] == "[jor] 7 of 7 jobs done"


def test_old_project_needs_no_config(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(jobs_example=TEMPLATE, todo=TODO)
    assert jor("run").code == 0
    assert (tmp_path / "example4" / "ind3.txt").exists()


def test_old_submit_and_exec_take_options_before_the_command(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(jobs_example=TEMPLATE)
    assert jor("--path-prefix", "output", "--test", "submit", "./jobs_example.py", "--jobargs", "n=3").code == 0
    assert jor("--path-prefix", "output", "exec", "./jobs_example.py", "--jobargs", "n=3", 2).code == 0
    assert set(outputs(tmp_path / "output" / "example3")) == {"ind0.txt", "ind2.txt"}
