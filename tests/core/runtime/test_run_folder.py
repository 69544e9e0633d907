"""A job as it was planned."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import jor

sys.path.insert(0, str(Path(__file__).parent))
from engine import SPEC, write_spec  # beside this file, whatever pytest's import mode

from jor import JobModuleError, RecordError
from jor.runtime.job_spec import freeze, require_unchanged, thaw
from jor.runtime.run_folder import Run, append
from jor.runtime.run_spec import BatchSpec


class Scalar:
    """Like a NumPy scalar or array."""

    def __init__(self, value):
        self.value = value

    def tolist(self):
        return self.value

    def __repr__(self):
        return f"Scalar({self.value})"


@pytest.mark.parametrize(
    ("value", "plain"),
    [(1, 1), ((1, 2), [1, 2]), ({2, 1}, [1, 2]), (range(3), [0, 1, 2]), (Path("a/b"), "a/b"), (Scalar(7), 7)]
    + [(Scalar([1, 2]), [1, 2]), ("é\n", "é\n"), (None, None), ({"k": (1,)}, {"k": [1]})],
    ids=str,
)
def test_parameters_are_kept_as_plain_data(value, plain):
    job = thaw(freeze(3, "out.txt", {"x": value}))
    assert (job.index, job.output, job.parameters) == (3, "out.txt", {"x": plain})


def test_object_is_kept_without_its_address():
    assert freeze(0, "o", {"x": object()}) == freeze(0, "o", {"x": object()})


class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = [{"a": 1}, {"a": 2}]


def test_unchanged_job_passes():
    jobs = Jobs()
    require_unchanged(jobs, thaw(freeze(1, "a2.txt", {"a": 2})))


@pytest.mark.parametrize(
    ("index", "output", "parameters", "told"),
    [
        (0, "a1.txt", {"a": 5}, "a was 5, and is now 1"),
        (0, "a1.txt", {"a": 1, "b": 2}, "b was 2, and is now 'not there'"),
        (0, "b.txt", {"a": 1}, "its output was called 'b.txt', and now 'a1.txt', for the same parameters"),
        (7, "a7.txt", {"a": 7}, "now it raises IndexError: list index out of range"),
    ],
)
def test_changed_job_is_refused_with_what_has_changed(index, output, parameters, told):
    with pytest.raises(JobModuleError) as caught:
        require_unchanged(Jobs(), thaw(freeze(index, output, parameters)))
    assert caught.value.what == f"job {index} is not what was planned: {told}"
    assert ("hash()" in caught.value.remedy) is ("called" in told)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read"),
        ("[1]", "it tells no version"),
        ('{"version": 99}', "has version 99; this jor reads version 2"),
    ],
)
def test_submission_that_cannot_be_used_is_refused(tmp_path, content, reason):
    (tmp_path / "submission.json").write_text(content)
    with pytest.raises(RecordError, match=reason):
        Run(str(tmp_path)).read_submission()


@pytest.mark.parametrize("name", [*SPEC][1:])
def test_submission_with_a_wrong_field_is_refused(tmp_path, name):
    run = Run(str(tmp_path))
    write_spec(run, **{name: {"a": 1}})
    with pytest.raises(RecordError, match=rf"damaged: ({name} is not|workers_per_task is missing)"):
        run.read_submission()
    content = json.loads(Path(run.submission).read_text())
    del content[name]
    Path(run.submission).write_text(json.dumps(content))
    with pytest.raises(RecordError, match=f"damaged: {name} is missing") as caught:
        run.read_submission()
    assert caught.value.where == run.submission
    assert caught.value.remedy


def test_submission_tells_how_it_is_cut_into_array_tasks(tmp_path):
    batch = {"workers_per_task": 2, "time_limit": None, "warning": 60, "requeue": ["scontrol", "requeue"]}
    write_spec(Run(str(tmp_path)), batch={**batch, "name": "jor-one"}, empty=["a.txt"])
    spec = Run(str(tmp_path)).read_submission()
    assert spec.batch == BatchSpec(2, None, 60, ("scontrol", "requeue"))
    assert spec.empty == ("a.txt",)


def test_parameters_that_json_cannot_say_are_frozen_as_they_look():
    itself = []
    itself.append(itself)
    assert freeze(0, "o", {"a": itself}) == b'{"index":0,"output":"o","parameters":{"a":"[[...]]"}}\n'
    assert json.loads(freeze(0, "o", {"a": {(1, 2): 3}, "b": {"y", "x"}}))["parameters"] == {
        "a": "{(1, 2): 3}",
        "b": ["x", "y"],
    }


def test_line_is_appended_and_never_through_a_link(tmp_path):
    for _ in range(2):
        append(str(tmp_path / "file"), b"line\n")
    assert (tmp_path / "file").read_bytes() == b"line\nline\n"
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match="link"):
        append(str(tmp_path / "link"), b"line\n")
    assert (tmp_path / "file").read_bytes() == b"line\nline\n"
    with pytest.raises(OSError, match="a device"):
        append("/dev/full", b"line\n")
