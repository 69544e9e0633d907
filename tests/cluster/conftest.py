"""A real Slurm for tests, and projects to submit to it.

Without Slurm the tests are skipped on a laptop; where JOR_REQUIRE_SLURM is set, as in CI, that is a failure.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..faults.projects import CAREFUL_JOBS, executions, expected, overlaps
from ..integration.commands import outputs

ROOT = Path(__file__).parent.parent.parent


def _load_testbed() -> Any:
    spec = importlib.util.spec_from_file_location("testbed_cluster", ROOT / "tools" / "testbed" / "cluster.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


testbed = _load_testbed()


def started(folder: Path, **options: Any) -> Any:
    """Return a running cluster; skip, or fail in CI, where there is none."""
    cluster = testbed.Cluster(folder, **options)
    try:
        cluster.start()
    except testbed.TestbedError as error:
        if os.environ.get("JOR_REQUIRE_SLURM"):
            raise
        pytest.skip(str(error))
    return cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give a cluster with accounting, and with memory limits that kill; where tests run at once, each has its own."""
    whole = os.environ.get("JOR_TESTBED") != "chroot"
    one = started(tmp_path_factory.mktemp("slurm"), accounting=True, cgroups=whole)
    yield one
    one.stop()


@pytest.fixture
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Give a function that starts another cluster."""
    made = []

    def make(**options: Any) -> Any:
        # Not in the folder of the test: the paths of slurmd's sockets may have 108 characters.
        made.append(started(tmp_path_factory.mktemp("slurm"), **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


MODULE = """\
import os, subprocess, sys, time, signal
import jor

class Jobs(jor.JobsBase):
    name = "out"
    mem = "100M"
    time = "10"
{head}
    def _mk_jobs(self):
        self._jobs = [dict(how=how, n=n) for n, how in enumerate({hows!r})]

    def mark(self, i):
        with open(os.path.join(self.path_prefix, "ran"), "a") as file:
            file.write(f"{{i}} ")

    def execute(self, i):
        how = self._jobs[i]["how"]
        print("this is", how, flush=True)
        self.mark(i)
{body}
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(str(how))
"""


class Project:
    """A folder with one job module, and the command jor in it."""

    def __init__(self, folder: Path, cluster: Any) -> None:
        self.folder = folder
        self.cluster = cluster
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOR_", "SLURM", "SBATCH"))}
        self.environment = {
            **kept,
            **cluster.environment,
            "XDG_CACHE_HOME": str(folder / "cache"),
            "COLUMNS": "80",
        }
        self.write([0], "pass")
        (folder / "todo.yaml").write_text("jobs:\n  - jobmodule: jobs_out\n")
        self.configure()

    def write(self, hows: list[Any], body: str, head: str = "") -> None:
        """Write the job module: `body` is what a job does before it writes its output."""
        body = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
        head = textwrap.indent(textwrap.dedent(head).strip("\n"), " " * 4)
        (self.folder / "jobs_out.py").write_text(MODULE.format(hows=hows, body=body, head=head))

    def configure(self, **options: Any) -> None:
        """Write jor.cfg with these options of the section [slurm]."""
        options = {"poll_interval": 0, **options}
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in options.items()]
        text = "\n".join(["[submit]", "scheduler = slurm", "[slurm]", *lines])
        (self.folder / "jor.cfg").write_text(text + "\n")

    def write_careful(self, jobs: int, seconds: float) -> None:
        """Write a job module whose jobs tell when two of them are the same one at once."""
        (self.folder / "jobs_out.py").write_text(CAREFUL_JOBS.replace('name = "careful"', 'name = "out"'))
        item = f"{{jobmodule: jobs_out, jobargs: {{n: {jobs}, seconds: {seconds}}}}}"
        (self.folder / "todo.yaml").write_text(f"jobs:\n  - {item}\n")

    def start(self, *args: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command jor."""
        return subprocess.Popen(
            [sys.executable, "-m", "jor_cli", *args],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def jor(self, *args: str, code: int = 0, **environment: str) -> str:
        """Run the command jor, which has to end with `code`; return all that it said."""
        process = self.start(*args, **environment)
        try:
            said, _ = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            pytest.fail(f"jor {' '.join(args)} has not ended:\n{said[-3000:]}\n{self.cluster.state()}")
        assert process.returncode == code, said
        return said

    def slurm(self, *argv: str) -> str:
        """Run a command of Slurm; return what it printed."""
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_now(self, job: str) -> None:
        """Let a job begin that waits for its time, which takes two minutes after a requeue; it may have begun."""
        # Within a second of telling a node to end a job, Slurm cannot begin it there again: "Job credential revoked".
        time.sleep(2)
        command = ["scontrol", "update", f"JobId={job}", "StartTime=now"]
        subprocess.run(command, env=self.environment, capture_output=True, timeout=90)

    def queue(self, columns: str = "%i %T", *args: str) -> list[str]:
        """Return the lines of squeue of what this project has in it."""
        lines = self.slurm("squeue", "-h", *args, "-o", f"{columns} %j").splitlines()
        tokens = tuple(run.name.rpartition("-")[2] for run in self.runs)
        return [line.rpartition(" ")[0] for line in lines if line.endswith(tokens)]

    def wait(self, seconds: float = 120) -> str:
        """Wait until nothing is queued or running; return what jor status says then."""

        def settled() -> str | None:
            said = self.jor("status")
            return None if "queued" in said.split("\n")[0] or "running" in said.split("\n")[0] else said

        return self.until(settled, seconds)

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until `condition` holds and return what it says."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not happen:\n{self.jor('status')}"
            time.sleep(0.3)
        return found

    @property
    def ran(self) -> list[int]:
        """The jobs that were begun, in that order."""
        path = self.folder / "ran"
        return [int(index) for index in path.read_text().split()] if path.exists() else []

    @property
    def begun(self) -> list[int]:
        """The careful jobs that were begun, ascending."""
        return sorted(int(words[1]) for words in executions(self.folder) if words[0] == "begin")

    @property
    def overlaps(self) -> list[list[str]]:
        """The careful jobs that have found themselves under way in another process."""
        return overlaps(self.folder)

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return sorted(path.name for path in (self.folder / "out").glob("*.txt"))

    @property
    def runs(self) -> list[Path]:
        """The folders of the submissions, the oldest first."""
        return sorted(self.folder.glob("out/.jor/*/runs/*"))


@pytest.fixture
def make_project(tmp_path: Path, cluster: Any) -> Iterator[Callable[[str], Project]]:
    """Give a function that makes a project on the cluster that all tests share; cancel what they leave."""
    made = []

    def make(name: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Project(folder, cluster))
        return made[-1]

    yield make
    cluster.thaw_controller()
    try:
        for one in made:
            one.jor("cancel")
    finally:
        cluster.empty_queue()
        # A task that the controller has lost goes on, and Slurm starts no other with its id, which is given again.
        cluster.end_orphans()
        cluster.resume_nodes()


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    """Give a project on the cluster that all tests share."""
    return make_project("project")


@pytest.fixture
def project_on(tmp_path: Path) -> Callable[[Any], Project]:
    """Give a function that makes a project on another cluster."""

    def make(cluster: Any) -> Project:
        folder = tmp_path / "project"
        folder.mkdir()
        return Project(folder, cluster)

    return make


def arrays(project: Project) -> list[str]:
    """Return the different array ids that jor has in the queue, or had a while ago."""
    return sorted(set(project.queue("%F", "-t", "all")))


def later(run: Path, seconds: float) -> None:
    """Let a submission have been asked for `seconds` earlier, as if so much time had passed."""
    path = run / "scheduler.jsonl"
    entries = [json.loads(line) for line in path.read_text().split("\n") if line]
    lines = [json.dumps({**entry, "time": entry["time"] - seconds}) for entry in entries]
    path.write_text("\n".join(lines) + "\n")


def give_up_unconfirmed(project: Project, age: float = 0) -> None:
    """Let what sbatch was asked for `age` seconds ago or more, and nobody has confirmed, be known as not accepted.

    Else who waits for jobs of it has to wait until that is certain: 330 seconds.
    """
    for run in project.runs:
        ledger = run / "scheduler.jsonl"  # there is none yet where jor was killed before it asked
        if ledger.exists() and "accepted" not in ledger.read_text() and ledger.stat().st_mtime <= time.time() - age:
            later(run, 400)


def complete(project: Project, jobs: int) -> None:
    """Run what is left of so many careful jobs, and check that all is there and nothing has run twice at once.

    To be called when each sbatch has ended, or the controller that it asked: nothing can come of it later.
    """
    give_up_unconfirmed(project)
    said = project.jor("run", "--wait", **hasty(project))
    assert outputs(project.folder / "out") == expected(jobs), said
    assert project.overlaps == []
    assert set(project.begun) == set(range(jobs))


def impatient(project: Project) -> dict[str, str]:
    """Return the environment in which jor waits two seconds, not a minute, for commands of Slurm that hang."""
    folder = project.folder / "impatient"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("import jor_slurm.commands\njor_slurm.commands.ASK_TIMEOUT = 2.0\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)}


#: What `hasty` changes, for whatever is started by Python: a command, or a worker.
HASTY = """\
import sys
import jor.runtime.lifetime
jor.runtime.lifetime.BEAT_EVERY = {seconds} / 5
if "jor_cli" in sys.orig_argv:
    import jor.runs.lease
    jor.runs.lease.STALE_AFTER = {seconds}
    import jor_cli.schedulers.slurm.monitor as monitor
    monitor.LOST_AFTER = monitor.Inquiry._lost_after = {seconds}
"""


def hasty(project: Project, seconds: float = 20.0) -> dict[str, str]:
    """Return the environment in which what is not heard of, or shown, for so long is lost, instead of ten minutes."""
    folder = project.folder / "hasty"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(HASTY.format(seconds=seconds))
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)}


def fake_squeue(project: Project) -> dict[str, str]:
    """Return the environment in which squeue, behind a pipe of the site's, is silent, late, or fails: see `how`.

    What it does stands in the file squeue.how: a shell command that takes its place.
    """
    folder = project.folder / "bin"
    folder.mkdir(exist_ok=True)
    how, real = project.folder / "squeue.how", shutil.which("squeue")
    (folder / "squeue").write_text(f'#!/bin/bash\nif [ -e {how} ]; then . {how}; exit; fi\n{real} "$@" | cat\n')
    (folder / "squeue").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def fake_sbatch(project: Project, before: str = "", after: str = "") -> dict[str, str]:
    """Return the environment in which sbatch does something else before and after what it does."""
    folder = project.folder / "bin"
    folder.mkdir(exist_ok=True)
    real = shutil.which("sbatch")
    (folder / "sbatch").write_text(
        f'#!/bin/bash\n{before}\nid=$({real} "$@"); status=$?\n{after}\necho $id; exit $status\n'
    )
    (folder / "sbatch").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}
