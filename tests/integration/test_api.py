"""`jor_cli.api`: what the commands tell and do, in Python."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jor import ConfigError, JobModuleError, JorError, TodoError
from jor_cli.api import Project, Status

from .commands import Jor, stamps, wait_until

Write = Callable[..., None]
README = (Path(__file__).parents[2] / "README.md").read_text()

FAILING = """\
import jor

class Jobs(jor.JobsBase):
    name = "failing"

    def _mk_jobs(self):
        self._jobs = jor.grid(state=["<b>&", "good"], n=range(2))

    def execute(self, i):
        if i < 2:
            raise ValueError("no <i>convergence</i>")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder of the test the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def failed(jor: Jor, write: Write, here: None) -> Status:
    """Give the status of a project of four jobs, two of which have failed."""
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run", "--workers", 1)
    return Project().status()


def script(folder: Path, text: str) -> subprocess.Popen[str]:
    """Start a program that opens the project in `folder`, and does what `text` says."""
    program = f"from jor_cli.api import Project\nproject = Project(workers=1)\n{text}"
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_status_shows_itself_as_the_command_does(jor: Jor, example: Path, here: None) -> None:
    jor("run", "jobs_example(n=3)")
    assert f"{Project().status()!r}\n" == jor("status").out


def test_status_counts_jobs_in_all_and_of_each_entry(jor: Jor, example: Path, here: None) -> None:
    jor("run", "jobs_example(n=3)")
    status = Project().status()
    nothing = {"running": 0, "queued": 0, "failed": 0, "interrupted": 0, "outdated": 0, "unknown": 0}
    assert status.counts == {"done": 3, **nothing, "missing": 4}
    assert list(status.entries) == [
        {"entry": "jobs_example(n=3)", "done": 3, **nothing, "missing": 0, "total": 3},
        {"entry": "jobs_example(n=4)", "done": 0, **nothing, "missing": 4, "total": 4},
    ]
    assert Project().status("jobs_example(n=4)").counts["missing"] == 4


def test_environment_is_looked_into_anew_when_it_has_been_mended(jor: Jor, example: Path, here: None) -> None:
    (example / "env/conda-meta").mkdir(parents=True)
    (example / "env/bin").mkdir()
    python = example / "env/bin/python"
    old = "import sys; sys.version_info = (3, 7, 16); del sys.argv[0]; exec(sys.argv[0])"
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "{old}" "$@"\n')
    python.chmod(0o755)
    project = Project(condaenv="./env", workers=1)
    with pytest.raises(ConfigError, match=r"its Python is 3\.7\.16"):
        project.run()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    assert project.run().counts["done"] == 7


def test_image_that_is_replaced_between_two_calls_is_told(
    example: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(example / "cache"))
    image, program = example / "my.sif", example / "apptainer"
    image.write_bytes(bytes(32) + b"SIF_MAGIC, the first")
    skip = f'[ "$1" = exec ] || exit 0\nuntil [ "$1" = {image} ]; do shift; done\nshift 2'
    program.write_text(f'#!/bin/sh\n{skip}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    project = Project(sif="./my.sif", container_program="./apptainer", workers=1)
    status = project.run()
    assert status.counts["done"] == 7
    assert "replaced" not in repr(status)
    image.write_bytes(bytes(32) + b"SIF_MAGIC, another one")
    assert f"the image {image} has been replaced since its newest jobs were submitted" in repr(project.status())


def test_status_writes_nothing(example: Path, here: None) -> None:
    before = stamps(example)
    status = Project().status()
    assert repr([*status.jobs, *status.plan, *status.problems])
    assert stamps(example) == before


def test_each_job_has_parameters_state_output_duration_and_memory(jor: Jor, example: Path, here: None) -> None:
    jor("run", "jobs_example(n=3)")
    jobs = Project().status().jobs
    assert len(jobs) == 7
    first = dict(jobs[0])
    assert first.pop("seconds") >= 0
    assert first.pop("max_rss") > 1_000_000
    output = str(example / "output/example3/ind0.txt")
    assert first == {"entry": "jobs_example(n=3)", "job": 0, "index": 0, "state": "done", "output": output}
    missing = jobs[-1]
    assert (missing["entry"], missing["job"], missing["state"]) == ("jobs_example(n=4)", 3, "missing")
    assert missing["seconds"] is missing["max_rss"] is None
    assert [job["job"] for job in jobs[2:5]] == [2, 0, 1]
    with pytest.raises(IndexError):
        jobs[7]


def test_jobs_are_made_when_they_are_asked_for(write: Write, here: None) -> None:
    text = FAILING.replace("range(2)", "range(50_000)")
    write(failing=text, todo="jobs:\n- jobmodule: failing\n")
    jobs = Project().status().jobs
    assert (len(jobs), jobs[99_999]["n"]) == (100_000, 49_999)
    assert repr(jobs).endswith("... and 99,975 more")


def test_parameter_called_like_a_column_gets_an_underscore(failed: Status) -> None:
    assert [(job["state_"], job["n"], job["state"]) for job in failed.jobs] == [
        ("<b>&", 0, "failed"),
        ("<b>&", 1, "failed"),
        ("good", 0, "done"),
        ("good", 1, "done"),
    ]


def test_problems_have_the_reason_and_the_log(failed: Status) -> None:
    first, second = failed.problems
    assert (first["job"], first["state_"], first["state"]) == (0, "<b>&", "failed")
    assert second["reason"] == "ValueError: no <i>convergence</i>"
    assert "Traceback" in Path(second["log"]).read_text()


def test_plan_has_what_would_run(failed: Status, jor: Jor) -> None:
    assert [(job["job"], job["scheduler"]) for job in failed.plan] == [(0, "local"), (1, "local")]
    assert len(Project(overwrite_output=True).status().plan) == 4


def test_duration_of_a_job_that_is_done_is_not_that_of_a_later_failure(jor: Jor, write: Write, here: None) -> None:
    slow = FAILING.replace("if i < 2", "import time; time.sleep(0.3)\n        if i > 7")
    write(failing=slow, todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    write(failing=FAILING)
    jor("run", "--overwrite-output")
    jor("accept")
    jobs = Project().status().jobs
    assert [job["state"] for job in jobs] == ["done"] * 4
    assert [job["seconds"] >= 0.3 for job in jobs] == [True, True, False, False]


def test_running_and_queued_jobs_are_told(jor: Jor, slow: Path, here: None) -> None:
    run = jor.start("run", "--quiet", SECONDS_OF_JOBS=0.2)
    wait_until(lambda: slow.is_dir() and any(slow.glob("*.txt")))
    states = [job["state"] for job in Project().status().jobs]
    assert {"done", "running", "queued"} >= set(states) >= {"running", "queued"}
    jor.end()
    run.wait()


class Cells(HTMLParser):
    """The texts of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 # the parser's interface
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_holds_the_texts_of_a_user_as_texts(failed: Status) -> None:
    page = Cells(failed._repr_html_())
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.texts[:8] == ["entry", "done", "failed", "missing", "total", "failing", "2", "2"]
    assert {"<b>&", "ValueError: no <i>convergence</i>"} <= set(page.texts)


def test_html_of_an_empty_table_says_so(failed: Status) -> None:
    assert failed.problems[:0]._repr_html_() == "<p>no rows</p>"
    assert repr(failed.problems[:0]) == "no rows"


def test_entries_of_other_parameters_share_a_table(failed: Status, write: Write, example: Path) -> None:
    write(todo="jobs:\n- jobmodule: jobs_example\n- jobmodule: failing\n")
    header = repr(Project().status().plan).splitlines()[0].split()
    assert header == ["entry", "job", "index", "state_", "n", "scheduler", "output"]


def test_edited_job_module_and_what_it_imports_are_read_anew(write: Write, here: None) -> None:
    text = FAILING.replace("import jor", "import jor\nfrom values import VALUES").replace("range(2)", "VALUES")
    write(failing=text, values="VALUES = [1]\n", todo="jobs:\n- jobmodule: failing\n")
    project = Project()
    assert len(project.status().jobs) == 2
    write(values="VALUES = [1, 2, 3]\n")
    assert len(project.status().jobs) == 6
    write(failing=text.replace('["<b>&", "good"]', "[1]"))
    assert len(project.status().jobs) == 3


def test_another_project_reads_again_what_a_job_module_imports(write: Write, here: None) -> None:
    text = FAILING.replace("import jor", "import jor\nfrom values import VALUES").replace("range(2)", "VALUES")
    write(failing=text, values="VALUES = [1]\n", todo="jobs:\n- jobmodule: failing\n")
    one = Project()
    assert len(one.status().jobs) == 2
    before = len(sys.path)
    write(values="VALUES = [1, 2, 3]\n")
    assert [len(project.status().jobs) for project in (Project(), one)] == [6, 6]
    assert len(sys.path) == before


def test_rows_may_import_when_they_are_read(write: Write, here: None) -> None:
    method = '    def _get_output_fname(self, value):\n        from names import name\n        return name + "1"\n'
    text = f"import jor\n\n\nclass Jobs(jor.JobsBase):\n    _jobs = [{{'value': 1}}]\n\n{method}"
    execute = "\n    def execute(self, i):\n        pass\n"
    write(naming=text + execute, names="name = 'a'\n", todo="jobs:\n- jobmodule: naming\n")
    (row,) = Project().status().jobs
    assert row["output"].endswith("/a1")


def test_run_runs_what_is_missing_and_tells_where_jobs_stand_then(example: Path) -> None:
    done = script(
        example, "print(project.run('jobs_example(n=3)').counts['done'])\nprint(project.run().counts['done'])"
    )
    out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    assert out.splitlines() == [
        "[jor] jobs_example(n=3): 3 jobs to run, 1 at once",
        "[jor] 3 of 3 jobs done",
        "3",
        "[jor] jobs_example(n=3): all 3 jobs done",
        "[jor] jobs_example(n=4): 4 jobs to run, 1 at once",
        "[jor] 4 of 4 jobs done",
        "7",
    ]


def test_run_of_jobs_that_fail_raises_nothing(write: Write, tmp_path: Path) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    done = script(tmp_path, "print(project.run().counts['failed'])")
    out, err = done.communicate()
    assert (done.returncode, out.splitlines()[-1]) == (0, "2")
    assert "no <i>convergence</i>" in err


def test_interrupted_run_raises_and_leaves_the_process_as_it_was(slow: Path, tmp_path: Path) -> None:
    text = (
        "import os, signal\n"
        "def state():\n"
        "    wakeup = signal.set_wakeup_fd(-1)\n"
        "    signal.set_wakeup_fd(wakeup)\n"
        "    return wakeup, os.listdir('/proc/self/fd'), [signal.getsignal(number) for number in (2, 10, 12, 15, 17)]\n"
        "read, write = os.pipe()\n"
        "os.set_blocking(write, False)\n"
        "signal.set_wakeup_fd(write)\n"
        "before = state()\n"
        "try:\n"
        "    project.run()\n"
        "except KeyboardInterrupt:\n"
        "    assert state() == before\n"
        "    print(project.status().counts['interrupted'] > 0)\n"
    )
    done = script(tmp_path, text)
    wait_until(lambda: slow.is_dir() and any(slow.glob("*.txt")))
    os.kill(done.pid, 2)
    out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    assert "Stopped by SIGINT" in out


def test_what_is_wrong_is_raised_as_the_commands_tell_it(write: Write, example: Path, here: None) -> None:
    with pytest.raises(ConfigError, match=r"Project: unknown option 'wokers'\n  Did you mean 'workers'\?"):
        Project(wokers=2)
    with pytest.raises(ConfigError, match="workers = 'many' cannot be used"):
        Project(workers="many")
    with pytest.raises(TodoError, match="there is no todo-list"):
        Project(todo_list="nowhere.yaml")
    with pytest.raises(TodoError, match="no entry 'jobs_exmaple'"):
        Project().status("jobs_exmaple")
    write(jobs_example="1 / 0")
    with pytest.raises(JobModuleError, match="ZeroDivisionError"):
        Project().status()


def test_options_are_those_of_the_table(example: Path, here: None) -> None:
    (job, *_) = Project(path_prefix="elsewhere", partition=None, mem="").status().jobs
    assert job["output"] == str(example / "elsewhere/example3/ind0.txt")


def test_project_does_not_follow_into_another_folder(example: Path, here: None) -> None:
    project = Project()
    assert repr(project) == f"<Project {example}>"
    os.chdir("/")
    with pytest.raises(JorError, match="the working directory is not that of the project"):
        project.status()


def test_readme_tells_a_notebook_what_works(example: Path) -> None:
    (section,) = re.findall(r"^### In a notebook\n(.*?)^#", README, flags=re.DOTALL | re.MULTILINE)
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    block = re.sub(r"^.*pandas.*\n", "", block, flags=re.MULTILINE)  # the example notebook has it
    done = script(example, block)
    _, err = done.communicate()
    assert (done.returncode, err) == (0, "")


def test_outputs_are_accepted_as_the_command_does(
    jor: Jor, write: Write, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(failing=FAILING.replace("i < 2", "i < int(os.environ.get('BAD', 0))").replace("import jor", "import jor, os"))
    write(todo="jobs:\n- jobmodule: failing\n")
    jor("run")
    jor("run", "--overwrite-output", BAD="2")
    assert Project().accept("failing", indices=[1]).counts["failed"] == 1
    assert "failing: 1 job accepted as they are: 1" in capsys.readouterr().out
    assert Project().accept().counts["done"] == 4
    assert Project().accept().counts["done"] == 4
    assert "Nothing to accept" in capsys.readouterr().out
    with pytest.raises(JobModuleError, match="there is no job 4"):
        Project().accept(indices=[4])
