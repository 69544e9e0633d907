"""Many packed jobs on a real Slurm, one in a hundred of which fails: all are accounted for, and memory stays flat."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

#: How many jobs; in CI a tenth.
MANY = 2_000 if "CI" in os.environ else 20_000
TASKS = 8

#: A job that tells the peak memory, in kB, of its host and its worker, whose processes are its parents.
BODY = """
n = self._jobs[i]["n"]
def told(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return next(line.split()[1] for line in file if line.startswith(key + ":"))
host = told(os.getpid(), "PPid")
how = (told(host, "VmHWM"), told(told(host, "PPid"), "VmHWM"))
if n in self.bad: raise ValueError("one in a hundred")
"""


def fails(count):
    """Return which of so many jobs fail."""
    chance = random.Random(count)
    return sorted(chance.sample(range(count), count // 100))


def peak(project, *args, code):
    """Run the command jor; return its peak memory in kB."""
    # Not by wait4(2), which counts what the process was before it became another program.
    told = "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    program = f"import atexit; atexit.register(lambda: {told}); from jor_cli.__main__ import main; main()"
    command = [sys.executable, "-c", program, *args]
    done = subprocess.run(command, cwd=project.folder, env=project.environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return int(done.stdout.split()[-2])


def run(project, count):
    """Run so many jobs, and check what is told of them; return peaks of memory in kB by what has them."""
    bad = fails(count)
    project.write([0], BODY, head=f"bad = frozenset({bad})\ndef __len__(self): return {count}")
    text = (project.folder / "jobs_out.py").read_text()
    text = text.replace("for n, how in enumerate([0])", f"for n, how in enumerate([0] * {count})")
    (project.folder / "jobs_out.py").write_text(text)
    project.configure(jobs_per_task=count // TASKS)
    peaks = {"run --wait": peak(project, "run", "--wait", code=1), "status": peak(project, "status", code=0)}
    found = json.loads(project.jor("status", "--json"))
    assert found["counts"]["done"] == count - len(bad)
    assert found["counts"]["failed"] == len(bad)
    assert sum(found["counts"].values()) == count
    problems = found["entries"][0]["problems"]
    assert [problem["job"] for problem in problems] == bad
    assert {problem["reason"] for problem in problems} == {"ValueError: one in a hundred"}
    assert sorted(project.ran) == list(range(count))
    assert len(project.outputs) == count - len(bad)
    told = [path.read_text() for path in (project.folder / "out").glob("*.txt")]
    hosts, workers = zip(*(map(int, text.strip("()").replace("'", "").split(",")) for text in told), strict=True)
    return {**peaks, "host": max(hosts), "worker": max(workers)}


def test_many_packed_jobs_are_all_accounted_for_and_memory_is_flat(make_project, record_property):
    few, many = (run(make_project(str(count)), count) for count in (MANY // 10, MANY))
    # What a job costs is its place in lists; hosts have the list of jobs, workers have none.
    for name, bytes_a_job in {"run --wait": 2000, "status": 2000, "host": 400, "worker": 0}.items():
        assert (many[name] - few[name]) * 1024 <= bytes_a_job * MANY + 3 * 2**20, (name, few, many)
    assert many["run --wait"] <= 1.2 * many["status"]  # waiting takes no more than looking once
    record_property("jobs", MANY)
