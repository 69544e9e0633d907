"""`jor report` in a real browser: it is drawn, answers, and asks nobody for anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..integration.made_up import make_up
from .chromium import Page

HOSTILE = """\
import jor

EVIL = "</script><img src=x onerror=\\"document.title = 'owned'\\"><b>bold</b>"

class Jobs(jor.JobsBase):
    name = "hostile"

    def _mk_jobs(self):
        self._jobs = jor.grid(**{EVIL: [EVIL, "a & b\\u2028c"], "b": range(3)})

    def _get_output_fname(self, b, **others):
        return f"{b}_{len(others[EVIL])}.txt"

    def execute(self, i):
        print(EVIL)
        if i == 1:
            raise ValueError(EVIL)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""
COUNTED = """\
import jor

class Jobs(jor.JobsBase):
    def __init__(self, n=1, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.name = f"NAME{n}"
        self._jobs = [dict(index=i) for i in range(n)]

    def execute(self, i):
        raise NotImplementedError
"""
COLOURS = "return JSON.stringify(document.querySelector('#map').data[0].z)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the report of a sweep of 2,000 jobs."""
    folder = tmp_path_factory.mktemp("sweep")
    make_up(folder, 2000)
    return written(folder)


def written(folder: Path, *args: str) -> Path:
    """Write the report of the project in `folder`; return where."""
    subprocess.run([sys.executable, "-m", "jor_cli", "report", *args], cwd=folder, check=True, timeout=120)
    return folder / "jor-report.html"


def at_peace(page: Page) -> None:
    """Make sure that the page has had nothing to complain of, and has asked for itself alone."""
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(autouse=True)
def new_logs(page: Page) -> None:
    """Forget what was said before."""
    page.browser.get("about:blank")
    page.complaints()
    page.requests()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (400, 800)])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_report_is_drawn_as_wide_as_the_screen(
    page: Page, report: Path, pictures: Path, width: int, height: int, dark: bool
) -> None:
    page.open(report, width, height, dark=dark)
    page.shoot(pictures / f"report-{width}-{'dark' if dark else 'light'}.png")
    assert page.run("return document.querySelectorAll('.js-plotly-plot .main-svg').length") >= 4
    assert page.run("return document.documentElement.scrollWidth") <= width
    background = page.run("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")
    at_peace(page)


def test_report_follows_the_colours_that_are_preferred(page: Page, report: Path) -> None:
    page.open(report)
    ink = "return document.querySelector('#memory .xtick text').style.fill"
    light = page.run(ink)
    page.dark(True)
    page.settle()
    assert page.run(ink) != light


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("#memory .bars .point:nth-of-type(9) path", "MB: "),
        ("#seconds .bars .point:nth-of-type(20) path", "jobs ended well"),
        ("#timeline .bars .point path", ", 20 jobs: ended wellnode"),
        ("#map .nsewdrag", "size = 12, method = "),
    ],
)
def test_pointing_at_a_chart_tells_what_is_there(page: Page, report: Path, place: str, words: str) -> None:
    page.open(report)
    page.hover(place)
    assert words in page.tooltip()
    at_peace(page)


def test_axes_and_colour_of_the_map_can_be_chosen(page: Page, report: Path) -> None:
    page.open(report)
    seen = {page.run(COLOURS)}
    for colour in ("share that is done", "time, the mean", "memory, the largest"):
        page.choose("#colour", colour)
        assert page.text("#map-legend") == ""
        seen.add(page.run(COLOURS))
    assert len(seen) == 4
    page.choose("#across", "seed")
    page.choose("#down", "size")
    assert page.run("return document.querySelector('#map').layout.xaxis.title.text") == "seed"
    assert page.run("return document.querySelector('#map').data[0].z.length") == 25
    page.choose("#down", "nothing")
    assert page.run("return document.querySelector('#map').data[0].z.map(row => row.length)") == [20]
    at_peace(page)


def test_one_parameter_is_never_on_both_axes(page: Page, report: Path) -> None:
    page.open(report)
    page.choose("#across", "method")
    assert page.run("return document.querySelector('#down').selectedOptions[0].text") == "nothing"
    assert page.text("#map ~ *, #map-legend") == "donefailed"


def test_map_shows_where_jobs_have_failed(page: Page, report: Path) -> None:
    page.open(report)
    failed = page.run(
        "return document.querySelector('#map').data[0].z"
        ".map(row => row.filter(state => data.states[state] === 'failed').length)"
    )
    assert failed == [0, 0, 2, 2]
    rows = page.run("return [...document.querySelectorAll('#map-table tbody tr')].map(row => row.textContent)")
    assert len(rows) == 100
    assert rows[0].startswith("size = 23, method = nmf2020 failed")


def test_each_chart_has_a_table(page: Page, report: Path) -> None:
    page.open(report)
    assert page.run("return document.querySelectorAll('#hosts-table tbody tr').length") == 12
    assert page.run("return document.querySelectorAll('#used-table tbody tr').length") > 20
    unnamed = "return [...document.querySelectorAll('.chart')].filter(one => !one.getAttribute('aria-label')).length"
    assert page.run(unnamed) == 0


def test_keyboard_reaches_all_that_can_be_chosen_or_opened(page: Page, report: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open(report)
    name = "const at = document.activeElement; return at.id || at.textContent"
    reached = []
    for _ in range(20):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        if page.run("return document.activeElement === document.body"):
            break
        reached.append(page.run(name))
        outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached[-1]
    same = "The same as a table"
    assert reached == [same, "Hosts as a table", "across", "down", "colour", same]
    page.run("document.querySelector('#used-table').closest('details').querySelector('summary').focus()")
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    assert page.run("return document.querySelector('#used-table').closest('details').open")


def test_names_and_errors_are_shown_as_they_are_and_do_nothing(page: Page, tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    (tmp_path / "todo.yaml").write_text('jobs:\n- jobmodule: hostile\n  name: "</script><i>entry</i>"\n')
    subprocess.run([sys.executable, "-m", "jor_cli", "run", "--quiet"], cwd=tmp_path, timeout=120)
    page.open(written(tmp_path))
    assert page.run("return document.title").endswith(": jor report")
    assert page.run("return document.querySelectorAll('img, i, script:not(body > script)').length") == 0
    assert "</script><i>entry</i>" in page.text("#progress ~ .wide")
    assert "ValueError: </script><img src=x" in page.text(".cause")
    assert "</script><img" in page.text("#across")
    assert page.text("#map .ytick text").startswith("</script><img")
    assert "</script><img" in page.text("#map .ytitle")
    page.hover("#map .nsewdrag")
    assert "</script><img" in page.tooltip()
    at_peace(page)


def test_scripts_that_are_not_its_own_do_not_run(page: Page, report: Path) -> None:
    page.open(report)
    page.run(
        "const made = document.createElement('script');"
        "made.textContent = 'document.title = 1'; document.body.append(made)"
    )
    assert page.run("return document.title").endswith(": jor report")
    assert "Content Security Policy" in page.complaints()[0]


def test_job_modules_are_chosen_from_and_entries_of_one_share_a_map(page: Page, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(COUNTED.replace("NAME", name))
    (tmp_path / "todo.yaml").write_text(
        "jobs:\n- jobmodule: first\n  sweep:\n    n: [1, 2, 3]\n- jobmodule: second\n  jobargs: n=1\n"
    )
    page.open(written(tmp_path))
    assert page.text("#group") == "first, 3 entries, 6 jobssecond(n=1), 1 job"
    assert page.run("return document.querySelector('#map').data[0].z") == [[6, None, None], [6, 6, None], [6, 6, 6]]
    assert page.text("#timeline") == "No job has begun yet."
    page.choose("#group", "second(n=1), 1 job")
    assert page.text("#map") == "No parameter differs between the jobs."
    assert page.run("return document.querySelector('#axes').checkVisibility()") is False
    page.choose("#group", "first, 3 entries, 6 jobs")
    assert page.run("return document.querySelector('#map').data[0].z.length") == 3
    at_peace(page)
