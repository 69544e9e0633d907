"""The grammar of jobargs: what it reads, what it writes, and what it refuses."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor import JobargsError
from jor.runtime.jobargs import parse, render

scalars = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.text() | st.binary()
numbers = st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False, allow_infinity=False)
ranges = st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))
keys = st.integers() | st.text()
data = st.recursive(
    scalars | numbers | ranges | st.sets(st.integers(), min_size=1),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.tuples(inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)
SIGNS = {"a": -1, "b": 2.5, "d": 3, "e": 3, "f": 9}
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name not in ("as", "if", "in", "is", "or"))


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("  ", {}),
        ("n=3", {"n": 3}),
        ("n=3,", {"n": 3}),
        ("n=3, method='pca', xs=[1, 2], tol=2**-10", {"n": 3, "method": "pca", "xs": [1, 2], "tol": 2**-10}),
        ("n = 3  # three", {"n": 3}),
        ("a=1,\n  b=2", {"a": 1, "b": 2}),
        ("a=(1, 2), b={'k': None}, c={1, 2}", {"a": (1, 2), "b": {"k": None}, "c": {1, 2}}),
        ("a=-1, b=+2.5, c=1 - 2j, d=7 // 2, e=7 % 4, f=(1 + 2) * 3", {**SIGNS, "c": 1 - 2j}),
        ("a=range(3), b=range(0, 10, 2)", {"a": range(3), "b": range(0, 10, 2)}),
        ("s='$(touch pwned) `x` \" \\n %d'", {"s": '$(touch pwned) `x` " \n %d'}),
        ("s='a' 'b'", {"s": "ab"}),
    ],
)
def test_text_is_read_as_plain_data(text, arguments):
    assert parse(text) == arguments


@given(st.dictionaries(names, data, max_size=4))
def test_what_is_rendered_is_read_back_equal(arguments):
    assert parse(render(arguments)) == arguments


def test_nan_and_infinity_are_rendered():
    read = parse(render({"a": math.nan, "b": math.inf, "c": -math.inf}))
    assert math.isnan(read["a"])
    assert (read["b"], read["c"]) == (math.inf, -math.inf)


@pytest.mark.parametrize("value", [object(), len, Ellipsis, [object()], {1: print}])
def test_rendering_refuses_what_is_not_plain_data(value):
    with pytest.raises(JobargsError, match=r"the argument x holds .* not plain data"):
        render({"x": value})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("n=__import__('os').system('touch pwned')", "a function call at column 3 is not allowed"),
        ("n=3); import os #", "is not a list of keyword arguments"),
        ("n=3) + f(m=4", "is not a list of keyword arguments"),
        ("$(touch pwned)", "is not a list of keyword arguments"),
        ("`touch pwned`", "is not a list of keyword arguments"),
        ("n='", "is not a list of keyword arguments"),
        ("3", "a value without a name at column 1"),
        ("n=3, 4", "is not a list of keyword arguments"),
        ("*[1]", "a value without a name"),
        ("**{'n': 3}", r"'\*\*'"),
        ("n=1, n=2", "is not a list of keyword arguments|a second 'n'"),
        ("n=x", "a name at column 3"),
        ("n=(3).real", "an attribute at column"),
        ("n=[1][0]", "an index at column"),
        ("n=lambda: 1", "a lambda at column"),
        ("n=f'{1}'", "an f-string at column"),
        ("n=[i for i in 'ab']", "a comprehension at column"),
        ("n=1 if 2 else 3", "a condition at column"),
        ("n=1 < 2", "a comparison at column"),
        ("n=1 or 2", "'and' or 'or' at column"),
        ("n={**{}}", "is not allowed: jobargs is data, not code"),
        ("n=...", "is not allowed: jobargs is data, not code"),
        ("n=9**9**9", "the number is too large"),
        ("n=2**100000", "the number is too large"),
        pytest.param(f"n={'9' * 2000}", "the number is too large", id="2000 digits"),
        ("n=1/0", "n cannot be computed"),
        ("n='a'*10**10", "arithmetic on something that is no number"),
        ("n=[1]*10**10", "arithmetic on something that is no number"),
        ("n=True+1", "arithmetic on something that is no number"),
        ("n=range(1, 2, 0)", "n cannot be computed"),
        ("n=range('a')", "arithmetic on something that is no number"),
        ("n=range()", "a function call"),
        ("n={[]: 1}", "n cannot be computed"),
    ],
)
def test_text_is_refused_with_the_place_when_it_is_more_than_data(text, reason):
    with pytest.raises(JobargsError, match=reason) as caught:
        parse(text)
    assert caught.value.remedy.startswith("Write keyword arguments with plain values: n=3")


@pytest.mark.parametrize(
    "text",
    [
        "n=" + "[" * 10_000 + "]" * 10_000,
        "n=" + "(" * 45_000,
        "n=" + "-" * 90_000 + "1",
        "n=" + "1+" * 40_000 + "1",
        "n=" + "not " * 20_000 + "1",
        "n=a" + ".a" * 40_000,
        "n=" + "lambda:" * 10_000 + "1",
    ],
    ids=["brackets", "parentheses", "signs", "sum", "not", "attributes", "lambdas"],
)
def test_text_is_refused_when_it_is_nested_too_deeply(text):
    with pytest.raises(JobargsError):
        parse(text)


def test_text_is_refused_when_it_is_a_megabyte_long():
    with pytest.raises(JobargsError, match="1,000,004 characters long, more than 100,000"):
        parse("n='" + "a" * 1_000_000 + "'")


@given(st.text(alphabet=st.sampled_from("nx=,()[]{}'\"0123456789.*+-/%:#\\ \nabrangef_")))
def test_any_text_gives_arguments_or_a_jobargs_error(text):
    try:
        arguments = parse(text)
    except JobargsError:
        return
    assert isinstance(arguments, dict)
