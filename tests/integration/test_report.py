"""`jor report`: one HTML file about everything. What it looks like in a browser is tested in tests/browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from .commands import Jor, stamps
from .made_up import make_up
from .test_status import FAILING, MANY

Write = Callable[..., None]


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 # the interface
        self.found.append(tag)


def page_of(jor: Jor, *args: object) -> str:
    """Return what `jor report` writes to its default place."""
    done = jor("report", *args)
    assert (done.code, done.err) == (0, "")
    return (jor.folder / "jor-report.html").read_text()


def data_of(page: str) -> Any:
    """Return what the charts of a page are drawn from."""
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(data)


def words_of(page: str) -> str:
    """Return the text that a page shows before any script has run."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_report_says_what_it_wrote_and_leaves_nothing_else(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example)
    done = jor("report", "-o", "about.html")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"\[jor\] Wrote about\.html \(4\.\d MB\)\n", done.out)
    (example / "about.html").unlink()
    assert stamps(example) == before


def test_report_can_be_written_through_a_link_and_to_what_is_no_file(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "public").mkdir()
    (example / "about.html").symlink_to("public/index.html")
    assert jor("report", "-o", "about.html").code == 0
    assert (example / "about.html").is_symlink()
    assert (example / "public/index.html").stat().st_size > 10**6
    assert jor("report", "-o", "/dev/stdout").out.startswith("<!DOCTYPE html>")
    assert [path.name for path in (example / "public").iterdir()] == ["index.html"]


def test_report_tells_how_far_what_failed_and_what_was_used(jor: Jor, write: Write) -> None:
    write(many=MANY, todo="jobs:\n- jobmodule: many\n  jobargs: n=7\n- jobmodule: many\n  jobargs: n=10\n")
    jor("run", "many(n=10)")
    words = words_of(page_of(jor))
    assert "29 % done: 5 of 17 jobs" in words
    assert "many(n=10) 5 5 0 10" in words
    assert "many(n=7) 0 0 7 7" in words
    assert "3 jobs failed: ValueError: no convergence after 100 iterations many(n=10): 1, 5, 9" in words
    assert "For example job 2: index=2 n=10 one tab [31mred last words of 2" in words
    assert "jor logs &#x27;many(n=10)&#x27; 2" in words
    assert re.search(r"many\(n=10\) 5 5G [\d.]+M [\d.]+M 100M 23:59:59 [\d.]+ s [\d.]+ s 00:05:00", words)
    assert "mem = 100M for many(n=10): 5G is asked for, and the largest of 5 jobs used" in words


def test_report_concludes_nothing_from_too_few_jobs(jor: Jor, example: Path) -> None:
    jor("run", "--test")
    words = words_of(page_of(jor))
    assert "Fewer than 3 jobs have ended well of jobs_example(n=3)" in words
    assert "What is asked for fits" not in words


def test_report_takes_the_entries_named(jor: Jor, example: Path) -> None:
    page = page_of(jor, "jobs_example(n=4)")
    assert "0 % done: 0 of 4 jobs" in words_of(page)
    assert [group["label"] for group in data_of(page)["groups"]] == ["jobs_example(n=4), 4 jobs"]


def test_report_of_nothing_is_a_page_too(jor: Jor, write: Write) -> None:
    write(none=FAILING.replace("range(3)", "range(0)"), todo="jobs:\n- jobmodule: none\n")
    words = words_of(page_of(jor))
    assert "There are no jobs." in words
    assert "No job has failed." in words


def test_report_of_jobs_that_have_not_run_is_a_page_too(jor: Jor, example: Path) -> None:
    page = page_of(jor)
    assert "0 % done: 0 of 7 jobs" in words_of(page)
    assert "No job has ended well yet." in words_of(page)
    (group,) = data_of(page)["groups"]
    assert (group["memory"]["bins"], group["timeline"]["hosts"]) == ([], [])
    assert [axis["name"] for axis in group["map"]["axes"]] == ["n", "index"]


def test_damaged_journals_are_passed_over(jor: Jor, write: Write) -> None:
    write(failing=FAILING, todo="jobs:\n- jobmodule: failing\n")
    jor("run", "--workers", 1)
    (journal,) = jor.folder.glob("failing/.jor/*/runs/*/task-0.r0.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b'"begin"' in lines[1]
    journal.write_bytes(b"".join([lines[0], b"damaged\n", *lines[2:]])[:-9])
    page = page_of(jor)
    assert "66 % done: 2 of 3 jobs" in words_of(page)
    timeline = data_of(page)["groups"][0]["timeline"]
    # The job whose beginning is lost is counted, and not drawn at the beginning of time.
    assert [host[1] for host in timeline["hosts"]] == [3]
    assert len(timeline["bars"]) == 2
    assert timeline["first"] > 1_700_000_000


def test_report_that_cannot_be_written_is_said(jor: Jor, example: Path) -> None:
    done = jor("report", "-o", "nowhere/report.html")
    assert done.code == 2
    assert "nowhere/report.html: the report cannot be written: No such file or directory" in done.said
    assert "--output" in done.said


def test_page_asks_nobody_and_lets_no_other_script_run(jor: Jor, write: Write) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    write(failing=FAILING.replace("no convergence", evil), todo=f'jobs:\n- jobmodule: failing\n  name: "{evil}"\n')
    jor("run")
    page = page_of(jor)
    assert evil not in page
    tags = Tags()
    tags.feed(page)
    assert (tags.found.count("script"), tags.found.count("img"), tags.found.count("link")) == (3, 0, 0)
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[0].split("script-src")[1].split(";")[0]
    assert data_of(page)["groups"][0]["label"].startswith(evil)


def test_page_of_many_jobs_is_small(jor: Jor) -> None:
    make_up(jor.folder, 20_000, tasks=2000, hosts=70)
    page = page_of(jor)
    assert "96 % done: 19,200 of 20,000 jobs" in words_of(page)
    assert "534 jobs failed: the kernel killed it for want of memory" in words_of(page)
    data = data_of(page)
    assert len(json.dumps(data)) < 1_000_000
    (group,) = data["groups"]
    assert sum(group["memory"]["well"]) == 19_200
    assert sum(group["seconds"]["badly"]) == 800
    assert group["timeline"]["unit"] == ""
    assert group["timeline"]["hosts"][-1][0] == "10 others"
    assert sum(host[1] for host in group["timeline"]["hosts"]) == 20_000
    assert [axis["name"] for axis in group["map"]["axes"]] == ["method", "size", "seed"]
    failed = data["states"].index("failed")
    assert [sum(pair["states"][str(failed)]) for pair in group["map"]["pairs"]] == [800, 800, 800]
    assert max(len(pair["ended"]) for pair in group["map"]["pairs"]) <= 40_000
