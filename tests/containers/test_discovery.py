"""Programs and images are found, or it is said why not; what is inside a wrapper is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from jor_containers import (
    ContainerError,
    Native,
    find_environment_inside,
    find_image,
    find_program,
    identify,
    labels,
    look_inside,
)

SIF = b"#!/usr/bin/env run-singularity\n".ljust(32, b"\0") + b"SIF_MAGIC" + bytes(100)


def test_program_is_found_whichever_is_there(tmp_path):
    for name in ("singularity", "apptainer"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert find_program("", {"PATH": str(tmp_path)}) == str(tmp_path / name)
    assert find_program("singularity", {"PATH": str(tmp_path)}) == str(tmp_path / "singularity")
    assert find_program(str(tmp_path / "apptainer"), {"PATH": ""}) == str(tmp_path / "apptainer")


@pytest.mark.parametrize("wanted", ["", "podman"])
def test_program_that_is_missing_is_told(tmp_path, wanted):
    with pytest.raises(ContainerError, match="no program") as caught:
        find_program(wanted, {"PATH": str(tmp_path)})
    assert (wanted or "apptainer or singularity") in caught.value.what


@pytest.mark.parametrize("content", [SIF, b"hsqs" + bytes(100)])
def test_image_is_a_file(tmp_path, content, monkeypatch):
    (tmp_path / "my.sif").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert find_image("my.sif") == str(tmp_path / "my.sif")


def test_image_is_a_folder_or_a_uri(tmp_path):
    (tmp_path / "bin").mkdir()
    assert find_image(str(tmp_path)) == str(tmp_path)
    assert find_image("docker://python:3.12") == "docker://python:3.12"


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "is no image"), (b"PK\3\4", "is no image"), (None, "cannot be read: No such file")]
)
def test_file_that_is_no_image_is_told(tmp_path, content, what):
    if content is not None:
        (tmp_path / "my.sif").write_bytes(content)
    with pytest.raises(ContainerError, match=what):
        find_image(str(tmp_path / "my.sif"))


def test_folder_that_is_no_image_is_told(tmp_path):
    with pytest.raises(ContainerError, match="is no image"):
        find_image(str(tmp_path))


@pytest.mark.parametrize("closed", ["my.sif", "sandbox", "."])
def test_image_that_is_not_readable_is_told(tmp_path, closed):
    (tmp_path / "my.sif").write_bytes(SIF)
    (tmp_path / "sandbox/bin").mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents[:2]):  # all that pytest has made
        folder.chmod(0o755)
    (tmp_path / closed).chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root reads everything
    try:
        with pytest.raises(ContainerError, match="cannot be read: Permission denied") as caught:
            find_image(str(tmp_path / ("my.sif" if closed == "." else closed)))
    finally:
        os.seteuid(user)
        (tmp_path / closed).chmod(0o755)
    assert "Make it readable" in caught.value.remedy


def test_pipe_is_no_image_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "my.sif")
    with pytest.raises(ContainerError, match="is no image: neither a file nor a folder"):
        find_image(str(tmp_path / "my.sif"))


def test_what_is_inside_is_told(tmp_path):
    inside = look_inside(Native(), [sys.executable], readable=["/none", "/"], writable=["/none", str(tmp_path)])
    assert inside.python == sys.executable
    assert inside.version == sys.version_info[:3]
    assert (inside.unreadable, inside.unwritable) == (("/none",), ("/none",))
    assert inside.said == ""


class Failing:
    """A wrapper in which nothing runs."""

    def __init__(self, script: str) -> None:
        self.script = script

    def wrap(self, argv):
        return ("sh", "-c", self.script, "sh", *argv)


@pytest.mark.parametrize(
    ("script", "what", "remedy"),
    [
        ('echo "FATAL: $1: not found" >&2; exit 255', "there is no python3 or python", "Install"),
        ("echo 'Error: it is bad\n  Mend it' >&2; exit 78", "it is bad", "Mend it"),
        ("echo x >&2; echo FATAL: no mount >&2; exit 255", "nothing runs in it: FATAL: no mount", ""),
        ("exit 3", "nothing runs in it: exit status 3", ""),
        ("echo 'Warning: old\n  Renew it\nError: it is bad\n  Mend it' >&2; exit 78", "it is bad", "Mend it"),
        ("echo $1: error while loading libz.so: No such file >&2; exit 127", "runs in it: python3: error while", ""),
    ],
)
def test_reason_why_there_is_no_python_is_told(script, what, remedy):
    with pytest.raises(ContainerError) as caught:
        look_inside(Failing(script))
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_environment_inside_is_found(tmp_path, monkeypatch):
    (tmp_path / "env/conda-meta").mkdir(parents=True)
    found = find_environment_inside(Native(), str(tmp_path / "env"))
    assert found is not None
    assert found.prefix == str(tmp_path / "env")
    assert find_environment_inside(Native(), str(tmp_path)) is None
    monkeypatch.chdir(tmp_path)
    assert find_environment_inside(Native(), "./env") is None
    assert find_environment_inside(Native(), "of-nobody") is None
    with pytest.raises(ContainerError, match="nothing runs in it: no"):
        find_environment_inside(Failing("echo no >&2; exit 255"), "x")
    with pytest.raises(ContainerError, match="it is bad") as caught:
        find_environment_inside(Failing("echo 'Error: it is bad\n  Mend it' >&2; exit 78"), "x")
    assert caught.value.remedy == "Mend it"


def test_labels_of_a_program_that_tells_none(tmp_path):
    assert labels("false", "image") == {}
    assert labels("echo", "image") == {}


def test_digest_is_computed_once_for_each_size_and_time(tmp_path):
    image, cache = tmp_path / "my.sif", tmp_path / "cache"
    image.write_bytes(SIF)
    os.utime(image, (1, 1))
    first = identify(str(image), str(cache))
    assert (first.size, len(first.sha256)) == (len(SIF), 64)
    image.write_bytes(SIF.replace(b"\0", b"x"))
    os.utime(image, (1, 1))
    assert identify(str(image), str(cache)) == first  # nobody looks into it
    os.utime(image, ns=(1, 10**9 + 1))  # within the same second
    second = identify(str(image), str(cache))
    assert second.sha256 != first.sha256
    assert len(list(cache.iterdir())) == 1


def test_cache_that_is_damaged_or_cannot_be_written_costs_time_alone(tmp_path):
    image, cache = tmp_path / "my.sif", tmp_path / "cache"
    image.write_bytes(SIF)
    first = identify(str(image), str(cache))
    (note,) = cache.iterdir()
    for damage in ("", "{", "[]", '{"version": 1}'):
        note.write_text(damage)
        assert identify(str(image), str(cache)) == first
    assert identify(str(image), str(tmp_path / "my.sif/no/folder")) == first


def test_folder_and_uri_have_no_digest(tmp_path):
    assert identify("docker://python:3.12", str(tmp_path)).stamp == ""
    folder = identify(str(tmp_path), str(tmp_path / "cache"))
    assert folder.sha256 == ""
    assert folder.stamp


def test_image_that_is_gone_raises(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        identify(str(tmp_path / "my.sif"), str(tmp_path / "cache"))
    assert not Path(tmp_path / "cache").exists()
