"""Which outputs exist: one directory read, however many jobs."""

from __future__ import annotations

import os
import sys

import pytest

import jor
from jor import JobModuleError
from jor.runtime.outputs import Listing, absent_outputs


class Named(jor.JobsBase):
    """Jobs with the given output names."""

    def __init__(self, names, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"name": name} for name in names]

    def _get_output_folder(self):
        return self.path_prefix

    def _get_output_fname(self, name):
        return name


def absent(folder, names):
    return absent_outputs(Named(names, folder), Listing(str(folder)))


def test_files_that_are_there_are_found(tmp_path):
    (tmp_path / "b").write_text("x")
    assert absent(tmp_path, ["a", "b", "c"]) == [0, 2]


def test_all_are_absent_when_there_is_no_folder(tmp_path):
    assert absent(tmp_path / "none", ["a", "b"]) == [0, 1]


def test_folder_is_read_once_for_all_jobs(tmp_path):
    reads = []
    sys.addaudithook(lambda event, args: reads.append(args) if event == "os.scandir" else None)
    absent(tmp_path, [f"{i}.txt" for i in range(1000)])
    assert len([args for args in reads if str(args[0]).startswith(str(tmp_path))]) == 1


def test_folders_dangling_links_and_pipes_are_no_outputs(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert absent(tmp_path, ["folder", "link", "pipe"]) == [0, 1, 2]


def test_link_to_a_file_is_an_output(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert absent(tmp_path, ["link"]) == []


def test_names_may_lie_in_subfolders(tmp_path):
    (tmp_path / "s" / "t").mkdir(parents=True)
    (tmp_path / "s" / "t" / "a").write_text("x")
    assert absent(tmp_path, ["s/t/a", "s/t/b", "u/c"]) == [1, 2]


@pytest.mark.parametrize("name", ["a b", "a'b\"c", "a\nb", "ä😀", "%d", "$(x)", "-rf", "a\\b", "x" * 255])
def test_odd_names_are_names(tmp_path, name):
    (tmp_path / name).write_text("x")
    assert absent(tmp_path, [name, "other"]) == [1]


@pytest.mark.parametrize("name", ["../x", "/abs", "a/../b", ".", "..", "a//b", "./a", "a/"])
def test_name_outside_the_folder_is_refused(tmp_path, name):
    with pytest.raises(JobModuleError, match=r"the output of job 1, .*does not lie inside the output folder"):
        absent(tmp_path, ["ok", name])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "is no file name"), ("a\0b", "is no file name"), ("x" * 256, "longer than the 255 bytes")]
    + [("é" * 128, "longer than the 255 bytes"), (".jor/x", "jor keeps for itself"), (".jor", "jor keeps for itself")],
)
def test_unfit_name_is_refused_with_the_reason(tmp_path, name, reason):
    with pytest.raises(JobModuleError, match=reason):
        absent(tmp_path, [name])


@pytest.mark.parametrize("there", [True, False], ids=["present", "absent"])
def test_two_jobs_with_one_output_are_refused(tmp_path, there):
    if there:
        (tmp_path / "a").write_text("x")
    with pytest.raises(JobModuleError, match=r"two jobs have the same output .*a'; the second is job 2"):
        absent(tmp_path, ["a", "b", "a"])


def test_first_job_with_the_output_of_another_is_named(tmp_path):
    (tmp_path / "e").write_text("x")
    listing = Listing(str(tmp_path))
    absent_outputs(Named(["e"], tmp_path), listing)
    with pytest.raises(JobModuleError, match=r"two jobs have the same output .*e'; the second is job 2"):
        absent_outputs(Named(["f", "b", "e", "e", "d"], tmp_path), listing)


@pytest.mark.parametrize("there", [True, False], ids=["present", "absent"])
@pytest.mark.parametrize("before", [["a"], ["b", "a"]], ids=["same index", "other index"])
def test_output_of_two_entries_in_one_folder_is_refused(tmp_path, there, before):
    if there:
        (tmp_path / "a").write_text("x")
    listing = Listing(str(tmp_path))
    absent_outputs(Named(before, tmp_path), listing)
    with pytest.raises(JobModuleError, match=r"two jobs have the same output .*a'; the second is job 0"):
        absent_outputs(Named(["a", "c"], tmp_path), listing)


def test_job_that_is_no_mapping_is_named(tmp_path):
    jobs = Named([], tmp_path)
    jobs._jobs = [{"name": "a"}, 7]
    with pytest.raises(JobModuleError, match=r"_jobs\[1\] is 7, not a dictionary"):
        absent_outputs(jobs, Listing(str(tmp_path)))


def test_name_that_cannot_be_made_is_told_with_the_job(tmp_path):
    jobs = Named([], tmp_path)
    jobs._jobs = [{"name": "a"}, {"other": 1}]
    with pytest.raises(JobModuleError, match=r"_get_output_fname failed for job 1, \{'other': 1\}: TypeError"):
        absent_outputs(jobs, Listing(str(tmp_path)))


#: More jobs than are looked at together.
MANY = 2500


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder in which all of many names are there but two."""
    folder = tmp_path_factory.mktemp("many")
    for i in range(MANY):
        if i not in (0, 1700):
            (folder / f"{i}.txt").touch()
    return folder


@pytest.fixture
def names():
    """Give many names."""
    return [f"{i}.txt" for i in range(MANY)]


def test_those_that_are_absent_among_many_are_found(folder, names):
    assert absent(folder, names) == [0, 1700]
    listing = Listing(str(folder))
    absent_outputs(Named(names[5:], folder), listing)
    assert sorted(listing.unclaimed()) == [f"{i}.txt" for i in range(1, 5)]


@pytest.mark.parametrize("first", [0, 3, 999, 1700, 2400])
@pytest.mark.parametrize("second", [5, 1000, 2499])
def test_two_jobs_with_one_output_are_refused_among_many(folder, names, first, second):
    names[second] = names[first]
    with pytest.raises(JobModuleError, match=rf"the same output .* the second is job {max(first, second)}\b"):
        absent(folder, names)


@pytest.mark.parametrize("index", [0, 999, 1000, 2499])
@pytest.mark.parametrize("job", [None, {}, {"name": 7}], ids=["no mapping", "no argument", "no name"])
def test_job_without_a_name_among_many_is_told(folder, names, index, job):
    jobs = Named(names, folder)
    jobs._jobs[index] = job
    with pytest.raises(JobModuleError, match=rf"_jobs\[{index}\]|job {index},"):
        absent_outputs(jobs, Listing(str(folder)))


def test_sequence_that_breaks_off_among_many_is_told(folder, names):
    class Breaking(list):
        def __iter__(self):
            yield from self[:1500]
            raise OSError("the rest cannot be read")

    jobs = Named(names, folder)
    jobs._jobs = Breaking(jobs._jobs)
    with pytest.raises(
        JobModuleError, match=r"^_jobs raised OSError: the rest cannot be read, after its first 1,000 jobs"
    ):
        absent_outputs(jobs, Listing(str(folder)))


def test_names_of_bytes_are_names(tmp_path):
    (tmp_path / "b").touch()
    assert absent(tmp_path, [b"a", b"b", "c"]) == [0, 2]
