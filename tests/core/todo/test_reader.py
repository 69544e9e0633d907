"""From todo.yaml to entries, with the place of every mistake."""

from __future__ import annotations

import itertools
import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor import JorError, Mistakes
from jor.runtime import jobargs
from jor.todo.reader import MAX_MISTAKES, make_entry, read_todo, select

AXES = st.dictionaries(
    st.sampled_from(["n", "m", "k", "x_1"]),
    st.lists(st.integers() | st.text("ab: #'", max_size=4), min_size=1, max_size=4, unique_by=str),
    min_size=1,
)
PIECES = [
    *("jobs:\n", "- ", "\n  ", "jobmodule: jobs_here", "jobargs: ", "n=1", "name: ", "mem: ", "workers: ", "sweep: "),
    *("{n: ", "}", "[", "]", ", ", "&a ", "*a", "<<: ", "!!int ", "~", "1", "x", "'", "|\n", "? ", "class: ", "\t"),
]
MODULE = "import jor\nclass Jobs(jor.JobsBase): pass\n"


@pytest.fixture
def todo(tmp_path, monkeypatch):
    """Write todo.yaml beside a job module `jobs_here.py` and read it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)

    def read(text):
        (tmp_path / "todo.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return read_todo("todo.yaml")

    return read


def item(rest):
    """Return a todo-list of one item with more lines."""
    return "jobs:\n- jobmodule: jobs_here.py\n" + "".join(f"  {line}\n" for line in rest.splitlines())


def arguments(entry):
    return jobargs.parse(entry.arguments)


@pytest.mark.parametrize("name", ["./jobs_here.py", "jobs_here.py", "jobs_here", "./jobs_here"])
def test_list_of_jor_0_1_2_is_read(todo, name):
    entries = todo(f"jobs:\n- jobmodule: {name}\n  jobargs: n=3\n- jobmodule: {name}\n  jobargs:\n")
    assert [entry.label for entry in entries] == ["jobs_here(n=3)", "jobs_here"]
    assert entries[0].jobmodule == os.path.abspath("jobs_here.py")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jobargs: n=3, xs=[1, 2]", {"n": 3, "xs": [1, 2]}),
        ("jobargs: 'n=3'", {"n": 3}),
        ("jobargs: {n: 3, tol: 1e-3, on: no, at: 1:30, day: 2020-01-01, z: ~}",
         {"n": 3, "tol": 1e-3, "on": "no", "at": "1:30", "day": "2020-01-01", "z": None}),
        ("jobargs: {a: 010, b: 0x10, c: true, d: .5, e: -.inf, f: '3'}",
         {"a": 10, "b": 16, "c": True, "d": 0.5, "e": float("-inf"), "f": "3"}),
        ("jobargs:\n  xs: [1, {k: v}]", {"xs": [1, {"k": "v"}]}),
    ],
)  # fmt: skip
def test_arguments_are_read_by_the_core_schema_of_yaml(todo, text, expected):
    (entry,) = todo(item(text))
    assert arguments(entry) == expected


def test_options_names_and_places_are_kept(todo):
    (entry,) = todo(item("name: mine\nmem: 08\ntime: 1:30\npartition: no\ncpus-per-task: 2\npath-prefix: out"))
    values = {name: setting.value for name, setting in entry.settings.items()}
    expected = {"mem": "08", "time": "1:30", "partition": "no", "cpus-per-task": 2, "path-prefix": "out"}
    assert values == expected
    assert entry.label == "mine"
    assert entry.settings["mem"].source == "todo.yaml:4:8"


def test_sweep_makes_an_entry_of_each_product(todo):
    entries = todo(item("jobargs: k=0\nsweep: {n: [1, 2], m: [a, b]}"))
    expected = [{"k": 0, "n": n, "m": m} for n in (1, 2) for m in ("a", "b")]
    assert [arguments(entry) for entry in entries] == expected
    assert len({entry.key for entry in entries}) == 4


@given(AXES)
def test_sweep_is_the_product_of_its_lists(tmp_path_factory, axes):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "jobs_here.py").write_text(MODULE)
    module = json.dumps(str(folder / "jobs_here.py"))
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: {module}\n  sweep: {json.dumps(axes)}\n")
    entries = read_todo(str(folder / "todo.yaml"))
    products = itertools.product(*axes.values())
    assert [arguments(entry) for entry in entries] == [dict(zip(axes, values, strict=True)) for values in products]
    assert len({entry.key for entry in entries}) == math.prod(map(len, axes.values()))


def test_sweep_names_its_entries(todo):
    entries = todo(item("name: mine\nsweep: {n: [1, 2]}"))
    assert [entry.label for entry in entries] == ["mine n=1", "mine n=2"]


def test_sweep_wins_over_jobargs(todo):
    assert [arguments(entry) for entry in todo(item("jobargs: n=0, m=0\nsweep: {n: [1]}"))] == [{"n": 1, "m": 0}]


@pytest.mark.parametrize("empty", ["", "~", "null"])
def test_key_without_a_value_is_not_set(todo, empty):
    keys = ("name", "jobargs", "sweep", "mem", "partition", "workers")
    (entry,) = todo(item("\n".join(f"{key}: {empty}" for key in keys)))
    assert (entry.label, dict(entry.settings)) == ("jobs_here", {})


def test_aliases_and_merges_are_read(todo):
    entries = todo("jobs:\n- &base\n  jobmodule: jobs_here\n  mem: 1G\n  jobargs: n=1\n- <<: *base\n  jobargs: n=2\n")
    assert [entry.settings["mem"].value for entry in entries] == ["1G", "1G"]


def test_byte_order_mark_is_harmless(todo):
    assert len(todo("\ufeff" + item("jobargs: n=1"))) == 1


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [" + ", ".join([f"*{old}"] * 10) + "]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "todo.yaml: the todo-list is empty\n  Write:\n    jobs:\n    - jobmodule: ./jobs_example.py"),
        ("# nothing\n", "the todo-list is empty"),
        ("- jobmodule: jobs_here\n", "todo.yaml:1:1: the todo-list does not start with jobs:"),
        ("just words", "the todo-list does not start with jobs:"),
        ("jobs:\n- jobmodule: [jobs_here\n", "todo.yaml:3:1: not YAML: "),
        ("jobs:\n\t- x\n", "todo.yaml:2:1: not YAML: "),
        ("job:\n- jobmodule: jobs_here\n", "todo.yaml:1:1: unknown key 'job'\n  Call it jobs, or leave it out: "),
        ("jobs:\n- jobmodule: jobs_here\njobs: []\n", "todo.yaml:3:1: the key 'jobs' stands twice"),
        ("? [jobs]\n: x\n", "todo.yaml:1:3: this key is no plain text or number"),
        ("{}", "todo.yaml:1:1: the todo-list has no key jobs"),
        ("jobs:\n- jobmodule:\n", "todo.yaml:2:3: this item has no jobmodule"),
        ("jobs:\n- jobmodule: jobs_here\n  name: ''\n", "todo.yaml:3:9: a text is needed here"),
        (item("<<: 3"), "todo.yaml:3:7: << merges mappings, and this is none"),
        ("jobs: jobs_here\n", "todo.yaml:1:7: jobs: is not a list of items"),
        ("jobs: []\n", "jobs: is not a list of items"),
        ("jobs:\n- jobs_here\n", "todo.yaml:2:3: this item is not a mapping with jobmodule:"),
        ("jobs:\n- jobargs: n=3\n", "todo.yaml:2:3: this item has no jobmodule"),
        ("jobs:\n- jobmodul: jobs_here\n", "todo.yaml:2:3: unknown key 'jobmodul'\n  Did you mean 'jobmodule'?"),
        (item("jobmodule: x"), "todo.yaml:3:3: the key 'jobmodule' stands twice"),
        (item("partitoin: x"), "todo.yaml:3:3: unknown key 'partitoin'\n  Did you mean 'partition'?"),
        (item("todo-list: x"), "unknown key 'todo-list'"),
        (item("cpus-per-task: two"), "todo.yaml:3:18: cpus-per-task = 'two' cannot be used"),
        (item("mem: [1]"), "todo.yaml:3:8: a text is needed here"),
        (item("jobargs: [1]"), "todo.yaml:3:12: jobargs is a list"),
        (item("jobargs: {1: 2}"), "1 is no name of an argument"),
        (item("jobargs: n=3, path_prefix='x'"), "path_prefix does not belong into jobargs"),
        (item("jobargs: {path_prefix: x}"), "Set the option path-prefix instead"),
        (item("jobargs: 3"), "todo.yaml:3:12: jobargs '3': a value without a name at column 1 is not allowed"),
        (item("jobargs: n=3 m=4"), "todo.yaml:3:12: jobargs 'n=3 m=4' is not a list of keyword arguments"),
        (item("jobargs: n=\"it's"), "is not a list of keyword arguments"),
        (item("jobargs: |\n  n=3,\n  m=open('pwned', 'w')"), "a function call in line 2"),
        (item("jobargs: {class: 1}"), "todo.yaml:3:12: 'class' is no name of an argument"),
        (item("jobargs: {xs: ['" + "x" * 200_000 + "']}"), "todo.yaml:3:12: jobargs is 200,007 characters long"),
        (item("jobargs: {n: " + "9" * 2_000 + "}"), "todo.yaml:3:16: this number is longer than 1,000 characters"),
        (item("jobargs: n=" + "9" * 2_000), "the number is too large"),
        (item("jobargs: {n: !!timestamp 2020-01-01}"), "the tag '!!timestamp' is not allowed here"),
        (item("jobargs: n=__import__('os').system('touch pwned')"), "todo.yaml:3:12: jobargs"),
        (item("jobargs: n=3); import os #"), "is not a list of keyword arguments"),
        (item("jobargs: $(touch pwned)"), "is not a list of keyword arguments"),
        (item("jobargs: '`touch pwned`'"), "is not a list of keyword arguments"),
        (item("jobargs: n=" + "[" * 10_000), "is not a list of keyword arguments"),
        (item("jobargs: n='" + "x" * 1_000_000 + "'"), "characters long"),
        (item("jobargs: !!python/object/apply:os.system ['touch pwned']"), "todo.yaml:3:12"),
        (item("jobargs: {n: !!python/name:os.system }"), "is not allowed here"),
        (item("sweep: [1]"), "sweep is not a mapping from arguments to lists"),
        (item("sweep: {n: 3}"), "sweep is not a mapping from arguments to lists"),
        (item("sweep: {n: []}"), "sweep is not a mapping from arguments to lists"),
        (item("sweep: {}"), "sweep is not a mapping from arguments to lists"),
        (item("sweep: {n: [" + "1, " * 200 + "1], m: [" + "1, " * 200 + "1]}"), "40,401 entries, more than 10,000"),
        ("jobs:\n- jobmodule: jobs_hre\n", "todo.yaml:2:14: jobs_hre: there is no such job module\n  Did you mean"),
        ("jobs:\n- jobmodule: .\n", "the job module is a folder"),
        (item("jobargs: n=1") + item("jobargs: n=1")[6:], "todo.yaml:4:3: this entry is the same as the one at"),
        (item("jobargs: a=1, b=2") + item("jobargs: b=2, a=1")[6:], "todo.yaml:4:3: this entry is the same as the"),
        ("jobs: " + "[" * 100_000, "not YAML: |nested too deeply"),
        (item("jobargs: &a {n: [*a]}"), "an alias stands for what it is part of"),
        (BOMB + "jobs:\n- jobmodule: jobs_here\n  jobargs: {n: *h}\n", "unknown key 'a'"),
        ("jobs:\n".encode("utf-16"), "todo.yaml:1: the todo-list is not UTF-8 text"),
        ("jobs:\n- jobmodule: ä\n".encode("latin-1"), "todo.yaml:2: the todo-list is not UTF-8 text"),
        ("#" * (17 * 2**20), "the todo-list is larger than 16 MiB"),
    ],
)
def test_wrong_list_is_refused_with_place_and_remedy(todo, tmp_path, text, message):
    with pytest.raises(JorError) as caught:
        todo(text)
    assert any(part in str(caught.value) for part in message.split("|")), str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_aliases_that_multiply_without_end_are_refused(todo):
    bomb = "{a: &a [x,x,x,x,x,x,x,x,x,x]" + "".join(
        f", {new}: &{new} [" + ",".join([f"*{old}"] * 10) + "]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(JorError, match="the aliases stand for more than a million values"):
        todo(item(f"jobargs: {bomb}}}"))


def test_missing_list_tells_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JorError, match=r"todo\.yaml: there is no todo-list\n  Make one by jor init"):
        read_todo("todo.yaml")
    (tmp_path / "todo.yaml").mkdir()
    with pytest.raises(JorError, match="cannot be read: Is a directory"):
        read_todo("todo.yaml")


def test_all_mistakes_are_told_at_once(todo):
    with pytest.raises(JorError) as caught:
        todo("jobs:\n- jobmodul: a\n  mme: 1G\n- jobmodule: jobs_here\n  mem: [1]\n- jobmodule: nowhere\n")
    assert [line.split(" ")[0] for line in str(caught.value).splitlines() if line.startswith("todo")] == [
        "todo.yaml:2:3:",
        "todo.yaml:3:3:",
        "todo.yaml:5:8:",
        "todo.yaml:6:14:",
    ]


def test_entries_are_selected_by_name_label_and_module(todo, tmp_path):
    (tmp_path / "other.py").write_text(MODULE)
    entries = todo(
        "jobs:\n- {jobmodule: jobs_here, jobargs: n=1}\n"
        "- {jobmodule: other, name: mine, jobargs: n=2}\n- jobmodule: other\n"
    )
    first, mine, other = entries
    assert select(entries, ()) == entries
    assert select(entries, ("jobs_here",)) == (first,)
    assert select(entries, ("jobs_here(n=1)",)) == (first,)
    assert select(entries, ("mine",)) == (mine,)
    assert select(entries, ("./other.py",)) == (mine, other)
    with pytest.raises(JorError, match=r"no entry 'othr'\n  Did you mean 'other'\?"):
        select(entries, ("othr",))


def test_entries_of_one_name_are_told_apart(todo, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "jobs.py").write_text(MODULE)
    entries = todo(
        "jobs:\n- {jobmodule: a/jobs.py, jobargs: n=1}\n- {jobmodule: b/jobs.py, jobargs: n=1}\n"
        "- {jobmodule: a/jobs.py, name: x}\n- {jobmodule: b/jobs.py, name: x}\n"
        "- {jobmodule: jobs_here}\n- {jobmodule: jobs_here, path-prefix: out}\n- {jobmodule: b/jobs.py, jobargs: n=2}\n"
    )
    assert [entry.label for entry in entries] == [
        *("a/jobs(n=1)", "b/jobs(n=1)", "x (a/jobs)", "x (b/jobs)", "jobs_here", "jobs_here in out", "jobs(n=2)")
    ]
    assert select(entries, ("b/jobs(n=1)",)) == (entries[1],)
    assert select(entries, ("./a/jobs.py",)) == (entries[0], entries[2])
    assert select(entries, ("x",)) == entries[2:4]
    with pytest.raises(JorError, match=r"no entry 'c/jobs\(n=1\)'\n  Did you mean 'b/jobs"):
        select(entries, ("c/jobs(n=1)",))


def test_name_of_an_item_selects_all_products_of_its_sweep(todo):
    entries = todo(
        "jobs:\n- {jobmodule: jobs_here, name: small, sweep: {n: [1, 2]}}\n"
        "- {jobmodule: jobs_here, name: large, sweep: {n: [3, 4]}}\n"
    )
    assert select(entries, ("small",)) == entries[:2]
    assert select(entries, ("large n=3",)) == (entries[2],)
    with pytest.raises(JorError, match=r"no entry 'smal'\n  Did you mean 'small'\?"):
        select(entries, ("smal",))


def test_key_of_an_entry_is_a_file_name_of_its_own(todo):
    entries = todo(item("jobargs: n=1\nname: 'a/b c $(x)'") + "- {jobmodule: jobs_here, jobargs: n=2}\n")
    assert all(entry.key.startswith("jobs_here-") for entry in entries)
    assert entries[0].key != entries[1].key
    assert entries[0].records("/out") == f"/out/.jor/{entries[0].key}"


def test_entry_is_made_from_the_command_line(todo):
    todo(item(""))
    assert make_entry("jobs_here", "n = 3 ").arguments == "n=3"
    with pytest.raises(JorError, match="a name at column 3"):
        make_entry("jobs_here", "n=x")


@given(st.binary(max_size=60) | st.text(alphabet="jobs:-module args={}[]&*!<|>\n\t\"'n3", max_size=80).map(str.encode))
def test_any_file_gives_entries_or_an_explained_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("todo") / "todo.yaml"
    path.write_bytes(content)
    try:
        entries = read_todo(str(path))
    except JorError:
        return
    assert entries


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_list_gives_entries_or_an_explained_error(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("todo")
    (folder / "jobs_here.py").write_text(MODULE)
    module = json.dumps(str(folder / "jobs_here.py"))
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: {module}\n  " + text.replace("jobs_here", module))
    try:
        entries = read_todo(str(folder / "todo.yaml"))
    except JorError:
        return
    assert all(isinstance(arguments(entry), dict) for entry in entries)


def test_of_very_many_mistakes_the_first_are_told(todo):
    with pytest.raises(Mistakes) as caught:
        todo("jobs:\n" + "- x\n" * 10_000)
    assert len(caught.value.errors) == MAX_MISTAKES + 1
    assert str(caught.value.errors[-1]).startswith(f"todo.yaml:{MAX_MISTAKES + 2}:3: there are 100 mistakes or more\n")
