"""The command that starts a container, and what its script does before it hands over to Apptainer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_containers import ENTER, Apptainer, bound
from jor_containers.apptainer import stamp

#: Stands for Apptainer: tells what variables it would hand over, then its words.
PROGRAM = """\
#!/bin/sh
env -0
printf '<%s>' "$@"
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Make a program that stands for Apptainer."""
    path = tmp_path / "apptainer"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Make a file that stands for an image."""
    path = tmp_path / "an image.sif"
    path.write_bytes(b"content")
    return str(path)


def run(container: Apptainer, *argv: str, code: int = 0, **variables: str) -> str:
    done = subprocess.run(
        container.wrap(argv), env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@given(st.lists(st.text(), min_size=1))
def test_words_of_the_command_come_last(argv):
    assert Apptainer("/a.sif", options=("--x",)).wrap(argv)[-len(argv) - 2 :] == ("--x", "/a.sif", *argv)


def test_options_are_those_of_exec(program, image):
    container = Apptainer(image, program, binds=("/a", "/b:/c:ro"), nv=True, rocm=True, options=("--net",))
    told = run(container, "echo", "it's", "").split("\0")[-1]
    assert told == (f"<exec><--cleanenv><--bind></a><--bind></b:/c:ro><--nv><--rocm><--net><{image}><echo><it's><>")


def test_variables_are_handed_over(program, image):
    container = Apptainer(image, program, variables=("MINE_*", "HIS", "SET=a 'b',c", "UNSET"))
    told = run(
        container, "true", OMP_NUM_THREADS="3", CUDA_VISIBLE_DEVICES="0,1", MKL_NUM_THREADS="2", MINE_1="x\ny=z",
        HIS="", PYTHONHASHSEED="0", SECRET="no\nMINE_2=no\nOMP_FAKE=no", SLURM_JOB_ID="1", CUDA_HOME="/of/the/host",
    )  # fmt: skip
    found = dict(entry.split("=", 1) for entry in told.split("\0")[:-1])
    wanted = {
        "OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": "0,1", "MKL_NUM_THREADS": "2", "MINE_1": "x\ny=z", "HIS": "",
        "PYTHONHASHSEED": "0", "SET": "a 'b',c", "PYTHONNOUSERSITE": "1",
    }  # fmt: skip
    for prefix in ("APPTAINERENV_", "SINGULARITYENV_"):
        assert {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)} == wanted


def test_process_becomes_the_program(program, image):
    Path(program).write_text("#!/bin/sh\necho $$\n")
    process = subprocess.Popen(Apptainer(image, program).wrap(["true"]), stdout=subprocess.PIPE, text=True)
    assert int(process.communicate()[0]) == process.pid


def test_program_that_is_missing_is_told(image):
    said = run(Apptainer(image, "apptainer-of-nobody"), "true", code=78)
    assert f"{image} cannot be used on {os.uname().nodename}: there is no program apptainer-of-nobody" in said


def test_image_that_is_missing_is_told(program, image):
    os.remove(image)
    assert "it is not there, or not readable" in run(Apptainer(image, program), "true", code=78)


def test_image_that_has_been_replaced_is_told(program, image):
    container = Apptainer(image, program, stamp=stamp(image))
    assert run(container, "true").endswith("<true>")
    Path(f"{image}.new").write_bytes(b"other content")
    os.replace(f"{image}.new", image)
    said = run(container, "true", code=78)
    assert "has been replaced" in said
    assert "submit again to use the new one" in said


def test_uri_is_taken_as_it_is(program):
    container = Apptainer("docker://python:3.12", program)
    assert not container.is_local
    assert run(container, "true").endswith("<docker://python:3.12><true>")


def test_paths_are_bound_as_they_are(tmp_path):
    (tmp_path / "real/out").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    folder = str(tmp_path)
    real, out, link = f"{folder}/real", f"{folder}/real/out", f"{folder}/link"
    assert bound([out, real, real]) == (real,)
    assert bound([f"{link}/out"]) == (out, f"{out}:{link}/out")
    assert bound([f"{link}/out", folder]) == (folder,)  # the link is seen in there
    assert bound([real], writable=False) == (f"{real}:{real}:ro",)
    assert bound(["/"]) == ()
    assert bound([f"{folder}/real2", real]) == (real, f"{folder}/real2")


def test_odd_characters_in_paths_are_escaped():
    assert bound(["/a:b,c\\d"]) == ("/a\\:b\\,c\\d",)  # a backslash means itself before anything else


def test_script_is_there():
    assert os.path.exists(ENTER)
