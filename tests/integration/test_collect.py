"""`jor collect`: the class joins its outputs, if there are enough."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, stamps

Write = Callable[..., None]


def test_collect_joins_the_outputs_of_each_entry(jor: Jor, example: Path) -> None:
    jor("run")
    done = jor("collect")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "[jor] jobs_example(n=3): collected 3 outputs",
        "[jor] jobs_example(n=4): collected 4 outputs",
    ]
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
    assert done.err == "Warning: jobs_example(n=4): 1 of 4 jobs have no output; collecting the other 3\n"
    assert (example / "output/example4/all.txt").read_text() == "{'index': 0}\n{'index': 1}\n{'index': 3}\n"


def test_collect_fails_when_there_is_no_output_at_all(jor: Jor, example: Path) -> None:
    done = jor("collect")
    assert done.code == 1
    assert "there is no output to collect" in done.err


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
    done = jor("collect")
    assert done.code == 0
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
