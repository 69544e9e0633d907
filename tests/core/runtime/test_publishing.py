"""What lies beside outputs: merged, never over what is another's, and named in the record."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from jor.runtime.events import VERSION, Claim, End
from jor.runtime.job_spec import freeze
from jor.runtime.journal import Journal
from jor.runtime.publishing import Publisher
from jor.runtime.run_folder import Run
from jor.runtime.staging import NotPublishedError, Staging


class Place:
    """An output folder, the submission of some jobs, and the staging folder of one of its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        entry = folder / ".jor" / "entry"
        self.run = Run(str(entry / "runs" / "1"))
        os.makedirs(self.run.folder)
        lines = [freeze(index, name, {}) for index, name in enumerate(("a.txt", "b.txt", "sub/c.txt"))]
        Path(self.run.jobs).write_bytes(b"".join(lines))
        self.publisher = Publisher(self.run, str(folder))
        self.stage = Staging(str(entry / "partial"))

    def publish(self, output="a.txt", **files):
        """Publish what a job has left: `output`, and files with these contents, by their paths with __ for dots."""
        for name, text in {output.rpartition("/")[2]: "whole", **files}.items():
            path = Path(self.stage.folder, name.replace("__", "."))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        beside = self.publisher.publish(self.stage, str(self.folder / output))
        self.stage.renew()
        return beside

    def texts(self):
        """Return what lies there, but for the records: the text of each file by its path."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and ".jor" not in path.parts]
        return {str(path.relative_to(self.folder)): path.read_text() for path in paths}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "out")


@pytest.fixture(params=["links", "no hard links"])
def links(request, monkeypatch):
    """Play a file system with and without hard links."""
    if request.param != "links":

        def refuse(*_, **__):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
def test_folders_are_merged(place):
    assert place.publish(**{"plots/deep/a.png": "A"}).files == ["plots/deep/a.png"]
    assert place.publish("b.txt", **{"plots/deep/b.png": "B"}).files == ["plots/deep/b.png"]
    assert place.texts() == {"a.txt": "whole", "b.txt": "whole", "plots/deep/a.png": "A", "plots/deep/b.png": "B"}


@pytest.mark.usefixtures("links")
def test_same_file_beside_two_outputs_is_no_conflict(place):
    place.publish(style__css="same")
    assert place.publish("b.txt", style__css="same") == (["style.css"], [])


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("name", ["log", "plots/deep/log"])
def test_other_file_goes_aside_and_replaces_nothing(place, name):
    place.publish(**{name: "A"})
    assert place.publish("b.txt", **{name: "B"}) == ([f"b.txt.files/{name}"], [name])
    assert (place.texts()[name], place.texts()[f"b.txt.files/{name}"]) == ("A", "B")


def test_file_where_a_folder_belongs_and_the_other_way_round_goes_aside(place):
    place.publish(**{"plots": "A", "data/x": "A"})
    assert place.publish("b.txt", **{"plots/b": "B", "data": "B"}).aside == ["data", "plots/b"]
    assert place.texts()["b.txt.files/plots/b"] == "B"


def test_what_stands_where_outputs_of_others_belong_goes_aside(place):
    (Path(place.stage.folder) / "b.txt" / "empty").mkdir(parents=True)
    assert place.publish(**{"b__txt/x": "A", "b__txt/y/z": "A", "sub": "A"}).aside == ["b.txt/x", "b.txt/y/z", "sub"]
    assert place.texts()["a.txt.files/sub"] == "A"
    place.publish("b.txt")
    place.publish("sub/c.txt", c="C")
    assert place.texts().keys() >= {"b.txt", "sub/c.txt", "sub/c"}


@pytest.mark.parametrize("count", [1, 60])
def test_files_of_an_attempt_before_are_replaced_however_many(place, count):
    files = [f"plots/{k}" for k in range(count)]
    place.publish(**dict.fromkeys(files, "old"))
    journal = Journal(place.run.journal(0), Claim(VERSION, "owner"))
    journal.write(End(0, 1.0, 0, 0).naming(sorted(files)))
    journal.close()
    place.publisher = Publisher(place.run, str(place.folder))
    assert place.publish(**dict.fromkeys(files, "new")).aside == []
    assert place.texts()["plots/0"] == "new"
    assert place.publish("b.txt", **dict.fromkeys(files, "b")).aside == sorted(files)


def test_file_that_the_user_has_put_there_stands(place):
    (place.folder / "notes").write_text("mine")
    place.publish(notes="jobs'")
    assert place.texts()["notes"] == "mine"


@pytest.mark.parametrize("standing", [None, "good"])
@pytest.mark.parametrize("name", ["b.txt", "sub/c.txt"])
def test_output_of_another_job_is_never_written(place, name, standing):
    if standing:
        (place.folder / name).parent.mkdir(exist_ok=True)
        (place.folder / name).write_text(standing)
    with pytest.raises(NotPublishedError, match=f"it has written {name}, which is the output of job [12]"):
        place.publish(**{name: "junk"})
    assert place.texts() == ({name: standing} if standing else {})


def test_output_of_a_job_of_another_entry_is_never_written(place):
    other = place.folder / ".jor" / "other" / "runs" / "1"
    other.mkdir(parents=True)
    (other / "jobs.jsonl").write_bytes(freeze(7, 'é "x".txt', {"é": 1}))
    with pytest.raises(NotPublishedError, match="output of job 7"):
        place.publish(**{'é "x".txt': "junk"})


def test_job_that_is_made_again_replaces_what_it_put_there_itself(place):
    (place.folder / "log").write_text("of its first time")
    claim = Claim(VERSION, "owner")
    journal = Journal(place.run.journal(0), claim)
    journal.write(End(0, 1.0, 0, 0).naming(["log"]))
    journal.close()
    assert place.publish(log="new").files == ["log"]
    assert place.publish("b.txt", log="B").aside == ["log"]
    assert place.texts()["log"] == "new"


def test_what_lies_beside_an_output_in_a_subfolder_lies_there_too(place):
    assert place.publish("sub/c.txt", **{"log": "C", "plots/c": "C"}).files == ["sub/log", "sub/plots/c"]


@pytest.mark.parametrize("leads", ["model.bin", "{stage}/model.bin", "{stage}/deep/model.bin"])
def test_output_that_is_a_link_to_what_lies_beside_it_becomes_a_file(place, leads):
    target = leads.format(stage=place.stage.folder)
    path = Path(place.stage.folder, target)
    path.parent.mkdir(exist_ok=True)
    path.write_text("whole")
    os.symlink(target, Path(place.stage.folder, "a.txt"))
    place.publisher.publish(place.stage, str(place.folder / "a.txt"))
    assert not (place.folder / "a.txt").is_symlink()
    assert (place.folder / "a.txt").read_text() == "whole"


def test_output_that_is_a_link_to_what_another_job_is_writing_is_none(place):
    other = Path(place.stage.partial, "other")
    other.mkdir()
    (other / "x").write_text("half")
    os.symlink(other / "x", Path(place.stage.folder, "a.txt"))
    with pytest.raises(NotPublishedError, match="a link to"):
        place.publisher.publish(place.stage, str(place.folder / "a.txt"))


def test_names_of_many_files_are_told_by_their_digest():
    end = End(0, 1.0, 0, 0)
    assert end.naming(["a"] * 50).beside == ("a",) * 50
    for many in (["a"] * 51, ["é" * 100] * 9):
        assert (end.naming(many).beside, len(end.naming(many).beside_sha256)) == ((), 64)


def test_records_are_never_written_by_a_job(place):
    with pytest.raises(NotPublishedError, match="where jor keeps its records"):
        place.publish(**{".jor/marks.json": "junk"})
    assert not (place.folder / ".jor" / "marks.json").exists()


def test_folders_that_were_merged_are_gone_from_staging(place):
    Path(place.stage.folder, "logs", "deep").mkdir(parents=True)
    Path(place.stage.folder, "a.txt").touch()
    place.publisher.publish(place.stage, str(place.folder / "a.txt"))
    assert os.listdir(place.stage.folder) == []


def test_output_that_is_a_relative_link_to_elsewhere_leads_there_from_its_own_folder(place, tmp_path):
    (tmp_path / "model").write_text("whole")
    os.symlink(os.path.relpath(tmp_path / "model", place.stage.folder), Path(place.stage.folder, "a.txt"))
    place.publisher.publish(place.stage, str(place.folder / "a.txt"))
    assert (place.folder / "a.txt").read_text() == "whole"
