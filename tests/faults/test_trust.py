"""Names, parameters and files of shared folders are data: none is executed, none reaches beyond its place."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jor.runtime.process_id import Owner

from ..integration.commands import Jor, outputs, tree
from .projects import CAREFUL_JOBS, expected
from .readers import records_of

DEAD = Owner.current()._replace(started=1)


@pytest.fixture
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder elsewhere, with a file, that nobody is to touch."""
    folder = tmp_path_factory.mktemp("victim")
    (folder / "precious").write_text("precious")
    os.utime(folder, (time.time() - 10**6,) * 2)
    return folder


def is_untouched(victim: Path) -> bool:
    """Tell whether nothing has become of it."""
    return tree(victim) == {"precious": b"precious"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "./x", "a//b", "", "\0", ".jor/x", "..", "x" * 256])
def test_output_that_would_lie_elsewhere_is_refused(jor: Jor, project: Path, name: str) -> None:
    text = CAREFUL_JOBS + f"\n    def _get_output_fname(self, index):\n        return {name!r}\n"
    (jor.folder / "careful.py").write_text(text)
    before = outputs(jor.folder)
    done = jor("run")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "job 0" in done.err
    assert {path: text for path, text in outputs(jor.folder).items() if "__pycache__" not in path} == before


@pytest.mark.parametrize("name", ["../../x", "/x", "..", ".", "$(touch pwned)", "`touch pwned`", "a;touch pwned", "-x"])
def test_name_of_an_entry_reaches_nowhere(jor: Jor, project: Path, name: str) -> None:
    (jor.folder / "todo.yaml").write_text(f"jobs:\n- {{jobmodule: careful, name: {name!r}}}\n")
    around = {path.name for path in jor.folder.parent.iterdir()}
    assert jor("run").code == 0
    assert jor("status", "--", name).code == 0
    assert outputs(project) == expected()
    assert {path.name for path in jor.folder.parent.iterdir()} == around
    assert {path.name for path in jor.folder.iterdir()} - {"__pycache__"} == {
        "careful", "careful.py", "executions", "jor.cfg", "todo.yaml"
    }  # fmt: skip


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o022, 0o002])
def test_files_are_as_open_as_the_umask_says(jor: Jor, project: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert jor("run").code == 0
        assert jor("collect").code == 0
    finally:
        os.umask(before)
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in [project, *project.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode & umask or mode & stat.S_IWOTH} == {}


def _a_link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def _a_pipe(path: Path, _target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [_a_link, _a_pipe], ids=["link", "pipe"])
def test_what_stands_at_an_output_is_replaced_and_not_written_through(
    jor: Jor, project: Path, victim: Path, make: Callable[[Path, Path], None]
) -> None:
    project.mkdir()
    make(project / "index1.txt", victim / "precious")
    assert jor("run", "--overwrite-output").code == 0
    assert outputs(project) == expected()
    assert not (project / "index1.txt").is_symlink()
    assert is_untouched(victim)


@pytest.mark.parametrize(
    ("name", "target"),
    [("lock", "precious"), ("lock.DEAD", "precious"), ("collected.json.DEAD", "precious")]
    + [("partial/DEAD~0", "."), ("runs/1-unfinished", ".")],
)
def test_link_among_the_records_is_not_followed(jor: Jor, project: Path, victim: Path, name: str, target: str) -> None:
    jor("run")
    (project / "index1.txt").unlink()
    link = records_of(jor.folder) / name.replace("DEAD", str(DEAD))
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim / target)
    for command in ("run", "collect", "status"):
        assert jor(command).code == 0
    assert is_untouched(victim)
    assert {path: text for path, text in outputs(project).items() if path != "all"} == expected()


def test_parameters_are_data_where_they_are_shown_and_run(jor: Jor, project: Path) -> None:
    text = CAREFUL_JOBS.replace(
        '{"index": i}', '{"index": i, "how": "$(touch pwned)`touch pwned`;touch pwned\\x1b[31m"}'
    )
    text += "\n    def _get_output_fname(self, index, how):\n        return f'index{index}.txt'\n"
    (jor.folder / "careful.py").write_text(text.replace("me = overlaps(i)", "me = overlaps(i)\n        assert i"))
    assert jor("run").code == 1
    for command in (["status"], ["status", "--failed"], ["show", "careful", "0"], ["status", "--by", "how"]):
        done = jor(*command)
        assert done.code == 0, done
        assert "\x1b" not in done.out
        assert "touch pwned" in done.out or command == ["status", "--failed"]
    assert not (jor.folder / "pwned").exists()
