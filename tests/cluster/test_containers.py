"""Array tasks in real containers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def images(project):
    """Give the folder of images that tools/testbed/apptainer.py has made; the project finds Apptainer there."""
    folder = os.environ.get("JOR_TEST_IMAGES")
    if not folder or os.environ.get("JOR_TESTBED") == "chroot":
        pytest.skip("there are no images, or containers would be started in a changed root")
    project.environment["PATH"] = f"{folder}/apptainer/bin:{project.environment['PATH']}"
    return Path(folder)


def told(project) -> set[str]:
    return {(project.folder / "out" / name).read_text() for name in project.outputs}


def test_array_tasks_run_in_the_container(project, images):
    project.configure(jobs_per_task=2)
    body = "how = f\"{os.environ['APPTAINER_CONTAINER']} {sys.version_info[1]} {'SLURM_JOB_ID' in os.environ}\""
    project.write(list(range(4)), body)
    project.jor("run", "--wait", "--sif", str(images / "bookworm.sif"))
    assert sorted(project.ran) == [0, 1, 2, 3]
    assert told(project) == {f"{images}/bookworm.sif 11 False"}


def test_outputs_are_collected_in_the_container_when_the_array_has_ended(project, images):
    head = """
    def collect(self):
        with open("collected", "w") as file:
            file.write(os.environ["APPTAINER_CONTAINER"])
    """
    project.write([0], "pass", head)
    project.jor("run", "--collect", "--sif", str(images / "bullseye"))
    project.until(lambda: (project.folder / "collected").exists(), 120)
    project.until(lambda: (project.folder / "collected").read_text() == f"{images}/bullseye")


def test_how_much_of_the_node_is_its_own_is_handed_in(project, images):
    project.write([0], "how = [os.environ['OMP_NUM_THREADS'], len(os.sched_getaffinity(0)) > 0]", "cpus_per_task = 2")
    project.jor("run", "--wait", "--sif", str(images / "bullseye"))
    assert told(project) == {"['2', True]"}


def test_warning_reaches_the_job_in_the_container(project, images):
    project.configure(signal=50)
    head = """
    time = "1"

    def checkpoint(self, i):
        self.warned = True
    """
    body = """
    deadline = time.monotonic() + 40
    while not getattr(self, "warned", False) and time.monotonic() < deadline:
        time.sleep(0.1)
    how = f"warned {getattr(self, 'warned', False)}"
    """
    project.write([0], body, head)
    project.jor("run", "--wait", "--sif", str(images / "bullseye"))
    assert told(project) == {"warned True"}


def test_cancelled_task_ends_its_job_in_the_container(project, images):
    body = """
    signal.signal(signal.SIGTERM, lambda *_: (open("got-term", "w").close(), sys.exit(1)))
    time.sleep(100)
    """
    project.write([0], body)
    project.jor("run", "--sif", str(images / "bullseye"))
    project.until(lambda: project.ran)
    project.jor("cancel")
    project.until(lambda: (project.folder / "got-term").exists())
    project.wait()
    assert project.outputs == []


def test_job_that_is_killed_for_want_of_memory_is_told(project, images):
    project.write([0], "x = bytearray(400_000_000)")
    project.jor("run", "--sif", str(images / "bullseye"), "--mem", "100M")
    project.wait()
    project.until(lambda: "memory" in project.jor("status"))
    assert project.outputs == []


def test_image_that_is_replaced_while_tasks_wait_is_told(project, images, tmp_path):
    image = tmp_path / "my.sif"
    shutil.copy(images / "bookworm.sif", image)
    project.configure(options="--hold")
    project.write([0], "pass")
    project.jor("run", "--sif", str(image))
    os.utime(image, (1, 1))
    project.slurm("scontrol", "release", project.queue("%F")[0])
    project.wait()
    log = (project.runs[-1] / "task-0.log").read_text()
    assert f"{image} cannot be used on" in log
    assert "it has been replaced" in log
    assert "submit again" in log
    assert project.ran == []
    assert "task-0.log" in project.jor("status")


def test_program_that_only_the_nodes_have(project, images):
    path = os.environ["PATH"]
    said = project.jor("run", "--sif", str(images / "bullseye"), code=2, PATH=path)
    assert "there is no program apptainer or singularity" in said
    project.configure(prologue=f"export PATH={images}/apptainer/bin:$PATH")
    project.write([0], "pass")
    project.jor("run", "--wait", "--sif", str(images / "bullseye"), "--container-program", "apptainer", PATH=path)
    assert project.ran == [0]


def test_program_and_binds_may_be_paths_from_the_working_directory(project, images):
    (project.folder / "program").symlink_to(images / "apptainer/bin/apptainer")
    (project.folder / "data").mkdir()
    (project.folder / "data/word").write_text("here")
    project.write([0], "how = open('/data/word').read()")
    options = ["--container-program", "./program", "--bind", "data:/data"]
    project.jor("run", "--wait", "--sif", str(images / "bullseye"), *options)
    assert told(project) == {"here"}


def test_program_that_the_nodes_do_not_have_is_told(project, images):
    project.write([0], "pass")
    options = ["--sif", str(images / "bullseye"), "--container-program", "apptainer"]
    project.jor("run", *options, PATH=os.environ["PATH"])
    project.wait()
    assert "there is no program apptainer" in (project.runs[-1] / "task-0.log").read_text()


def test_preempted_task_goes_on_in_a_new_container(project, images):
    project.configure(jobs_per_task=3, requeue=True)
    body = """
    if i == 1 and not os.path.exists("again"):
        open("again", "w").close()
        time.sleep(100)
    """
    project.write(list(range(3)), body)
    project.jor("run", "--sif", str(images / "bullseye"))
    project.until(lambda: (project.folder / "again").exists())
    project.slurm("scontrol", "requeue", project.queue("%F")[0])
    project.until(lambda: len(project.outputs) == 3, 180)
    assert sorted(project.ran) == [0, 1, 1, 2]
