"""Outputs that are made again on Slurm: seen, throttled, cancelled and gone on with as a first run is."""

from __future__ import annotations

import json


def counts(project):
    found = json.loads(project.jor("status", "--json"))["counts"]
    return {state: count for state, count in found.items() if count}


def test_rerun_is_seen_throttled_cancelled_and_gone_on_with(project):
    project.write([0, 1, 2], "if self._jobs[i]['n']: time.sleep(60)", head="version = 2")
    project.configure(jobs_per_task=1)
    out = project.folder / "out"
    out.mkdir()
    for n in range(3):
        (out / f"how{n}_n{n}.txt").write_text("old")
    assert "3 outputs marked as outdated" in project.jor("run", "--overwrite-output")
    project.until(lambda: counts(project).get("done") == 1)
    assert counts(project).get("running", 0) + counts(project).get("queued", 0) == 2
    again = project.jor("run", "--overwrite-output", code=75)
    assert "no output is marked as outdated: 2 jobs are being run again by Slurm array" in again
    assert "of 2 jobs the old output stands: 1-2" in project.jor("status")
    assert "runs at most 1 at once" in project.jor("throttle", "1")
    assert "cancelled Slurm array" in project.jor("cancel")
    project.until(lambda: project.queue() == [])
    said = project.wait()
    assert "the old output stands" in said
    assert counts(project)["done"] == 1
    assert "accepted as they are: 2" in project.jor("accept", "--index", "2")
    project.write([0, 1, 2], "pass")
    project.jor("run", "--wait")
    assert [(out / f"how{n}_n{n}.txt").read_text() for n in range(3)] == ["0", "1", "old"]
    assert counts(project) == {"done": 3}
    assert not (out / ".jor" / "marks.json").exists() or 'outdated": []' in (out / ".jor" / "marks.json").read_text()


def test_nothing_is_marked_while_slurm_does_not_answer(project, tmp_path):
    project.configure(options="--hold")
    project.write([0, 1], "pass")
    project.jor("run")
    (project.folder / "out" / "how0_n0.txt").write_text("old")
    down = tmp_path / "down"
    down.mkdir()
    (down / "squeue").write_text("#!/bin/sh\necho 'slurm_load_jobs error: Socket timed out' >&2\nexit 1\n")
    (down / "squeue").chmod(0o755)
    said = project.jor("run", "--overwrite-output", code=75, PATH=f"{down}:{project.environment['PATH']}")
    assert "no output is marked as outdated" in said
    assert "Socket timed out" in said
    assert not (project.folder / "out" / ".jor" / "marks.json").exists()


def test_task_that_writes_in_place_goes_on_when_it_is_requeued_amid_a_rerun(project):
    """Its old output was set aside by the first attempt: the second goes on with what that has begun."""
    body = """
    with open(self._get_output_path(**self._jobs[i]), "a") as file:
        file.write("x")
    with open(os.path.join(self.path_prefix, "ran")) as file:
        if len(file.read().split()) == 2:
            time.sleep(60)
    return
    """
    project.write([0], body, head="atomic_output = False")
    project.configure(requeue=True)
    project.jor("run", "--wait")
    output = project.folder / "out" / "how0_n0.txt"
    assert output.read_text() == "x"
    project.jor("run", "--overwrite-output")
    project.until(lambda: project.ran == [0, 0])
    (job,) = {line.split()[0] for line in project.queue()}
    project.slurm("scontrol", "requeue", job)
    project.start_now(job)
    project.until(lambda: project.ran == [0, 0, 0])
    project.wait()
    assert output.read_text() == "xx"
    assert list(project.folder.glob("out/.jor/*/old")) == []
    assert counts(project) == {"done": 1}
