"""YAML to plain values: the core schema, merges, and what is refused with line and column."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jor import TodoError
from jor.todo.yaml12 import compose

# What YAML shows as it is between double quotes: no controls, no line breaks of its own.
CHARACTERS = st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc", "Cs", "Zl", "Zp"])
PLAIN = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    PLAIN | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(CHARACTERS, max_size=20), inner, max_size=4),
    max_leaves=12,
)
PIECES = [
    *("a: ", "- ", "? ", ": ", ", ", "{", "}", "[", "]", "\n", "\n  ", "&a ", "*a", "<<: ", "<<: *a", "~", "'", '"'),
    *("!!int ", "!!float ", "!!bool ", "!!binary ", "!!set ", "!!timestamp ", "!x ", "1", "-.5e3", "0x1f", "\t", "---"),
]


@pytest.fixture
def value(tmp_path):
    """Write a YAML file and build its value."""

    def read(text):
        (tmp_path / "x.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        root, build = compose(str(tmp_path / "x.yaml"))
        return None if root is None else build.value(root)

    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("1:30", "1:30"),
        ("08", 8),
        ("010", 10),
        ("0o10", "0o10"),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e-3", 0.001),
        ("1.", 1.0),
        ("-.5", -0.5),
        (".inf", float("inf")),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("'3'", "3"),
        ("!!str 3", "3"),
        ("=", "="),
    ],
)
def test_plain_scalar_is_read_by_the_core_schema(value, text, expected):
    found = value(f"[{text}]")[0]
    assert (found, type(found)) == (expected, type(expected))


@given(VALUES)
def test_json_is_read_as_it_is(tmp_path_factory, expected):
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_text(json.dumps(expected, ensure_ascii=False), encoding="utf-8")
    root, build = compose(str(path))
    assert build.value(root) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[&a {n: 1, m: 1}, {<<: *a, m: 2}]", {"n": 1, "m": 2}),
        ("[&a {n: 1, m: 1}, {m: 2, <<: *a}]", {"n": 1, "m": 2}),
        ("[&a {n: 1}, &b {n: 2, m: 2}, {<<: [*a, *b]}]", {"n": 1, "m": 2}),
        ("[&a {n: 1}, &b {<<: *a, n: 2}, {<<: *b, m: 3}]", {"n": 2, "m": 3}),
    ],
)
def test_merge_gives_way_to_what_stands_there_and_to_what_comes_first(value, text, expected):
    assert value(text)[-1] == expected


def test_merged_mapping_is_the_same_when_an_alias_brings_it_again(value):
    assert value("[&a {n: 1}, &b {<<: *a, n: 2}, *b, *b]") == [{"n": 1}, {"n": 2}, {"n": 2}, {"n": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {<<: 3}", "x.yaml:1:9: << merges mappings, and this is none"),
        ("a: {<<: [3]}", "x.yaml:1:10: << merges mappings, and this is none"),
        ("a: {<<: {[b]: c}}", "x.yaml:1:10: this key is no plain text or number"),
        ("[a]: b", "x.yaml:1:1: this key is no plain text or number"),
        ("a: 1\na: 2", "x.yaml:2:1: the key 'a' stands twice\n  Keep one of them"),
        ("a: !!int b", "x.yaml:1:4: the tag '!!int' is not allowed here\n  Leave it out"),
        ("a: !!int ''", "the tag '!!int' is not allowed here"),
        ("a: !!float 1:30", "the tag '!!float' is not allowed here"),
        ("a: !!bool b", "the tag '!!bool' is not allowed here"),
        ("a: !!timestamp b", "the tag '!!timestamp' is not allowed here"),
        ("a: !!set {b}", "the tag '!!set' is not allowed here"),
        ("a: !own b", "the tag '!own' is not allowed here"),
        ("a: !!python/tuple [1]", "the tag '!!python/tuple' is not allowed here"),
        ("a: !!python/object/apply:os.getcwd []", "the tag '!!python/object/apply:os.getcwd' is not allowed here"),
        ("a: " + "9" * 5_000, "x.yaml:1:4: this number is longer than 1,000 characters"),
        ("a: 0x" + "f" * 5_000, "x.yaml:1:4: this number is longer than 1,000 characters"),
        ("a: b\n---\nc: d", "x.yaml:2:1: not YAML: "),
        ("a: *b", "x.yaml:1:4: not YAML: found undefined alias"),
        ("a:\n\tb: c", "x.yaml:2:1: not YAML: line 2 begins with a tab\n  Write blanks instead"),
        ("a:\n  - b: c\n  \td: e", "x.yaml:3:3: not YAML: line 3 begins with a tab\n  Write blanks instead"),
        ("a: b\rc: @", "x.yaml:2:4: not YAML: found character that cannot start any token\n  Mend"),
        ("a: b\nc: d\x01", "x.yaml:2: not YAML: unacceptable character #x0001"),
        ("a: \ud83d".encode("utf-8", "surrogatepass"), "x.yaml:1: the todo-list is not UTF-8 text"),
        ("- &a {<<: *a}", "x.yaml:1:3: an alias stands for what it is part of"),
        ("- &a {<<: [{<<: *a}]}", "an alias stands for what it is part of"),
        ("- &a [*a, *a]", "x.yaml:1:3: an alias stands for what it is part of"),
        ("- &a {b: *a}", "x.yaml:1:3: an alias stands for what it is part of"),
    ],
)
def test_wrong_yaml_is_refused_with_the_place(value, text, message):
    with pytest.raises(TodoError) as caught:
        value(text)
    assert message in str(caught.value)


def bomb(first, link):
    """Return nine anchored nodes, each with ten aliases of the one before: a billion if written out."""
    nodes = [f"- &n0 {first}"]
    nodes += [f"- &n{i} {link % ', '.join([f'*n{i - 1}'] * 10)}" for i in range(1, 10)]
    return "\n".join(nodes)


def test_lists_that_multiply_are_refused(value):
    with pytest.raises(TodoError, match="the aliases stand for more than a million values"):
        value(bomb("[0, 1]", "[%s]"))


def test_merges_that_multiply_are_merged_once(value):
    assert value(bomb("{n: 1}", "{<<: [%s]}")) == [{"n": 1}] * 10


def test_merges_that_copy_too_much_are_refused(value):
    large = "- &a {" + ", ".join(f"k{i}: 0" for i in range(2_000)) + "}\n"
    with pytest.raises(TodoError, match="the aliases stand for more than a million values"):
        value(large + "- {<<: *a}\n" * 2_000)


@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
@example("!!set a: ")
@example("!!map a: ")
def test_any_pieces_of_yaml_give_a_value_or_an_explained_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        root, build = compose(str(path))
        told = "a value" if root is None else f"a value: {build.value(root)}"
    except TodoError as error:
        told = error.where
    assert told
