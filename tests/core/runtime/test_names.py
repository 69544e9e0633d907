"""Default output names: the same in every process, and as ever where they were."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import subprocess
import sys
import types
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import jor
from jor import JobModuleError

jobs = jor.JobsBase()


class Text(str, enum.Enum):
    ADAM = "adam"


class Own(str, enum.Enum):
    A = "a"

    def __str__(self):
        return "own"


class Number(enum.IntEnum):
    ONE = 1


class Colour(enum.Enum):
    RED = "r"


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = 3


class Bit(enum.IntFlag):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Pair:
    left: object
    right: object = 1


@dataclasses.dataclass(repr=False)
class Mute:
    left: object


class Tags(frozenset):
    pass


Point = namedtuple("Point", "x y")


def name(value):
    return jobs._get_output_fname(**{"": value})[: -len(".txt")]


PLAIN = ["a b", 3, -1, 10**30, 0.1, 1e-9, -0.0, float("nan"), float("inf"), True, None, b"x", 1j, int, len]
CONTAINERS = [
    [1, "a", None, 1.5],
    (1,),
    (),
    {"a": [1]},
    range(3),
    {3, 1, 2},
    {8, 1},
    set(),
    frozenset({1}),
    frozenset(),
    defaultdict(int, a=1),
    deque(),
    types.SimpleNamespace(a=1),
]
MEMBERS = [Number.ONE, Colour.RED, Right.READ, Bit(3), Own.A, [Colour.RED], (Text.ADAM,), [Number.ONE], [Bit.HIGH]]
OTHERS = [Pair(1), Point(1, "a"), pathlib.PurePosixPath("a"), [pathlib.PurePosixPath("a")], slice(1)]
NUMBERS = [datetime.date(2020, 1, 1), [datetime.timedelta(1)], decimal.Decimal("0.10")]


@pytest.mark.parametrize("value", [*PLAIN, *CONTAINERS, *MEMBERS, *OTHERS, *NUMBERS], ids=repr)
def test_name_is_as_ever_where_it_was_the_same_in_every_process(value):
    assert name(value) == f"{value}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"b", "a"}, "{'a', 'b'}"),
        (frozenset({("b",), ("a", frozenset({"y", "x"}))}), "frozenset({('a', frozenset({'x', 'y'})), ('b',)})"),
        ({"k": [{"b", "a"}]}, "{'k': [{'a', 'b'}]}"),
        ({1, "a", None}, "{'a', 1, None}"),
        (Pair({"b", "a"}), "Pair(left={'a', 'b'}, right=1)"),
        (Point({"b", "a"}, 1), "Point(x={'a', 'b'}, y=1)"),
        (Text.ADAM, "adam"),
        ({Text.ADAM}, "{<Text.ADAM: 'adam'>}"),
        (Right.READ | Right.WRITE, "Right.ALL"),
        (Right(0), "Right(0)"),
        (Bit(0), "0"),
        (Tags("ab"), "Tags({'a', 'b'})"),
        (types.SimpleNamespace(k={"b", "a"}), "namespace(k={'a', 'b'})"),
        (defaultdict(list, k={"b", "a"}), "defaultdict(<class 'list'>, {'k': {'a', 'b'}})"),
        (deque([{"b", "a"}], 3), "deque([{'a', 'b'}], maxlen=3)"),
        (OrderedDict(a=1), "OrderedDict([('a', 1)])"),
    ],
)
def test_name_is_the_same_in_every_process_and_python(value, told):
    assert name(value) == told


def test_name_is_the_same_with_every_numpy():
    numpy = pytest.importorskip("numpy")
    assert name(numpy.float64(0.1)) == "0.1"
    assert name(numpy.float32(0.1)) == "0.10000000149011612"  # as it always was
    assert name(numpy.array([1, 2])) == "[1 2]"
    within = [numpy.float64(0.1), numpy.float32(0.1), numpy.int64(3), numpy.bool_(True), numpy.str_("x")]
    assert name(within) == "[0.1, 0.1, 3, True, 'x']"
    assert name([numpy.datetime64("2020-01-01")]) == "[numpy.datetime64('2020-01-01')]"
    assert name(numpy.array([within[0], "x"], dtype=object)) == "[0.1 'x']"


def test_names_of_sets_do_not_depend_on_the_seed_of_hashes():
    code = "import jor; print(jor.JobsBase()._get_output_fname(a={'red', 'green', 'blue', ('x', frozenset('xyz'))}))"
    names = [
        subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2", "3")
    ]
    assert len(set(names)) == 1


@pytest.mark.parametrize("value", [lambda: 1, object(), [object()], jobs.collect, Mute(1), Pair(object())])
def test_value_with_an_address_is_refused_with_a_remedy(value):
    with pytest.raises(
        JobModuleError, match="the parameter loss has no text that is the same in every process"
    ) as caught:
        jobs._get_output_fname(loss=value)
    assert "_get_output_fname" in caught.value.remedy


def test_text_with_an_address_in_it_is_a_text():
    assert name("<f at 0x7f00>") == "<f at 0x7f00>"


def test_value_that_holds_itself_has_a_name():
    value = []
    value.append(value)
    assert name(value) == "[[...]]"
