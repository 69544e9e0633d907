"""`jor collect`: the class joins its outputs, if there are enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .commands import Jor, stamps

Write = Callable[..., None]


def test_collect_joins_the_outputs_of_each_entry(jor: Jor, example: Path) -> None:
    jor("run")
    done = jor("collect")
    assert (done.code, done.err) == (0, "")
    told = [line.partition(";")[0] for line in done.out.splitlines()]
    assert told == ["[jor] jobs_example(n=3): collected 3 outputs", "[jor] jobs_example(n=4): collected 4 outputs"]
    assert (example / "output/example3/all.txt").read_text() == "{'index': 0}\n{'index': 1}\n{'index': 2}\n"


def test_collect_takes_the_entries_named(jor: Jor, example: Path) -> None:
    jor("run")
    assert jor("collect", "jobs_example(n=4)").code == 0
    assert not (example / "output/example3/all.txt").exists()
    assert (example / "output/example4/all.txt").exists()


def test_collected_file_disturbs_neither_status_nor_run(jor: Jor, example: Path) -> None:
    jor("run")
    jor("collect")
    before = stamps(example)
    assert "all 7 0 7" in jor("status").said
    jor("run")
    assert stamps(example) == before


def test_collect_warns_of_missing_outputs_and_goes_on(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "output/example4/ind2.txt").unlink()
    done = jor("collect", "--missing-output", "ignore")
    assert done.code == 0
    what = "Warning: jobs_example(n=4): 1 of 4 jobs have no output; collecting the other 3\n"
    assert done.err == f"{what}  Make them: jor run\n"
    assert (example / "output/example4/all.txt").read_text() == "{'index': 0}\n{'index': 1}\n{'index': 3}\n"


def test_collect_fails_when_there_is_no_output_at_all(jor: Jor, example: Path) -> None:
    done = jor("collect")
    assert done.code == 1
    assert "there is no output to collect" in done.err


def test_collect_goes_on_with_the_other_entries_when_one_has_no_output(jor: Jor, example: Path) -> None:
    jor("run", "jobs_example(n=4)")
    done = jor("collect")
    assert done.code == 1
    assert "jobs_example(n=3): there is no output to collect" in done.err
    assert (example / "output/example4/all.txt").exists()
    assert not (example / "output/example3").exists()


@pytest.mark.parametrize("how", ["flag", "file", "environment"])
def test_collect_stops_before_it_calls_anything_when_told_to(jor: Jor, example: Path, how: str) -> None:
    jor("run")
    (example / "output/example4/ind2.txt").unlink()
    if how == "file":
        (example / "jor.cfg").write_text((example / "jor.cfg").read_text().replace("= ignore", "= raise"))
    flags = ["--missing-output", "raise"] if how == "flag" else []
    done = jor("collect", *flags, **({"JOR_MISSING_OUTPUT": "raise"} if how == "environment" else {}))
    assert done.code == 1
    assert "jobs_example(n=4): 1 of 4 jobs have no output" in done.err
    assert list(example.rglob("all.txt")) == []


def test_collect_that_raises_is_told_with_its_traceback(jor: Jor, example: Path, write: Write) -> None:
    module = example / "jobs_example.py"
    jor("run")
    module.write_text(
        module.read_text().replace("with open(pathlib", "raise ValueError('odd')\n        with open(pathlib")
    )
    done = jor("collect")
    assert done.code == 1
    assert "Traceback" in done.err
    assert "jobs_example(n=3): collect raised ValueError: odd" in done.err


def test_collect_goes_on_with_the_other_entries_when_one_raises(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    jor("run")
    module.write_text(module.read_text().replace("with open(pathlib", "assert self.n != 3\n        with open(pathlib"))
    assert jor("collect").code == 1
    assert (example / "output/example4/all.txt").exists()


def test_class_without_collect_has_nothing_to_collect(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    module.write_text(module.read_text().partition("    def collect")[0])
    jor("run")
    (example / "output/example4/ind2.txt").unlink()
    done = jor("collect")
    assert (done.code, done.err) == (0, "")
    assert "its class Jobs has no method collect; nothing to do" in done.out


def test_collect_may_print_and_change_folder(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    module.write_text(
        module.read_text().replace("with open(pathlib", "print('joined')\n        with open(pathlib")
        + "        import os\n        os.chdir('/')\n"
    )
    jor("run")
    assert jor("collect").code == 0
    assert (example / "output/example4/all.txt").exists()


def note(folder: Path) -> dict[str, Any]:
    """Return the note on what was collected from the folder of outputs."""
    (path,) = folder.glob(".jor/*/collected.json")
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def test_collect_leaves_a_note_and_says_where(jor: Jor, example: Path) -> None:
    jor("run")
    done = jor("collect", "jobs_example(n=3)")
    (path,) = example.glob("output/example3/.jor/*/collected.json")
    assert done.out == f"[jor] jobs_example(n=3): collected 3 outputs; {path.relative_to(example)} tells which\n"
    told = note(example / "output/example3")
    assert (told["version"], told["entry"], told["jobargs"]) == (1, "jobs_example(n=3)", "n=3")
    assert (told["made"], told["total"], told["missing"], told["uncertain"]) == (["all.txt"], 3, [], [])
    assert told["included"] == {"count": 3, "jobs": [[0, 2]]}


def test_note_tells_what_is_missing_and_why(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    module.write_text(
        module.read_text().replace("myargs =", "if i % 2: raise ValueError(f'{i} is odd')\n        myargs =")
    )
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_example\n  jobargs: n=6\n")
    jor("run", "--test")
    jor("run")
    (example / "output/example6/ind4.txt").unlink()
    jor("collect")
    told = note(example / "output/example6")
    assert told["included"] == {"count": 2, "jobs": [[0, 0], [2, 2]]}
    assert told["missing"] == [
        {"status": "failed", "reason": "ValueError: 1 is odd", "count": 3, "jobs": [[1, 1], [3, 3], [5, 5]]},
        {"status": "missing", "reason": "it was done, and its output has gone since", "count": 1, "jobs": [[4, 4]]},
    ]


def test_note_tells_jobs_that_were_never_begun(jor: Jor, example: Path) -> None:
    jor("run", "--test")
    jor("collect", "jobs_example(n=3)")
    assert note(example / "output/example3")["missing"] == [
        {"status": "missing", "reason": "", "count": 2, "jobs": [[1, 2]]}
    ]


def test_note_tells_outputs_that_came_or_went_meanwhile(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "output/example4/ind0.txt").unlink()
    module = example / "jobs_example.py"
    module.write_text(
        module.read_text()
        + "        folder = pathlib.Path(self._get_output_folder())\n"
        + "        (folder / 'ind1.txt').rename(folder / 'ind0.txt')\n"
    )
    assert jor("collect", "jobs_example(n=4)").code == 0
    assert note(example / "output/example4")["uncertain"] == [[0, 1]]


def test_collect_that_fails_leaves_no_note_and_says_so_in_an_old_one(jor: Jor, example: Path) -> None:
    module = example / "jobs_example.py"
    good = module.read_text()
    bad = good.replace("with open(pathlib", "1 / 0\n        with open(pathlib")
    jor("run")
    module.write_text(bad)
    assert jor("collect", "jobs_example(n=3)").code == 1
    assert list(example.glob("output/example3/.jor/*/collected*")) == []
    module.write_text(good)
    jor("collect", "jobs_example(n=3)")
    first = note(example / "output/example3")
    module.write_text(bad)
    jor("collect", "jobs_example(n=3)")
    second = note(example / "output/example3")
    assert second.pop("unfinished_since") > first["collected"]
    assert second == first
    module.write_text(good)
    jor("collect", "jobs_example(n=3)")
    assert "unfinished_since" not in note(example / "output/example3")


def test_collections_at_the_same_time_each_leave_a_note(jor: Jor, example: Path) -> None:
    jor("run")
    commands = [jor.start("collect") for _ in range(3)]
    assert [(done.code, done.err) for done in map(jor.end_of, commands)] == [(0, "")] * 3
    for folder in (example / "output/example3", example / "output/example4"):
        assert "unfinished_since" not in note(folder)
        assert len(list(folder.glob(".jor/*/c*"))) == 1


def test_collect_goes_on_where_no_note_can_be_written(jor: Jor, example: Path) -> None:
    jor("run")
    (path,) = example.glob("output/example3/.jor/*")
    (path / "collected.json").mkdir()
    done = jor("collect", "jobs_example(n=3)")
    assert done.code == 0
    assert "Warning: jobs_example(n=3): there will be no note of what was collected" in done.err
    assert done.out == "[jor] jobs_example(n=3): collected 3 outputs\n"
    assert [child.name for child in path.glob("collected.json*")] == ["collected.json"]
