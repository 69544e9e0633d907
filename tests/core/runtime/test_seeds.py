"""Random numbers of jobs: what their streams are made of, and global generators seeded for each."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import fractions
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import jor
from jor import JobModuleError
from jor.runtime import seeds
from jor.runtime.events import Claim
from jor.runtime.loading import construct
from jor.runtime.seeds import canonical

sys.path.insert(0, str(Path(__file__).parent))
from engine import Engine  # beside this file, whatever pytest's import mode


class Word(str, enum.Enum):
    A = "a"


class Level(enum.IntEnum):
    ONE = 1


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Scalar:
    """Like a NumPy scalar or array."""

    def __init__(self, value):
        self.value = value

    def tolist(self):
        return self.value


@dataclasses.dataclass
class Point:
    x: float
    tags: frozenset = frozenset()


class Jobs(jor.JobsBase):
    def __init__(self, n=3, method="a", path_prefix="."):  # noqa: ARG002 # it counts all the same
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"replicate": r, "x": x} for r in range(n) for x in (1, 2)]


EQUAL = [
    (1, 1.0, True, Level.ONE, Scalar(1), fractions.Fraction(1), decimal.Decimal("1.0"), 1 + 0j),
    (0.5, decimal.Decimal("0.50"), fractions.Fraction(1, 2), Scalar(0.5)),
    (0, -0.0, False),
    ("a", Word.A, Path("a")),
    ([1, (2, 3)], (1.0, [2, 3]), Scalar([1, [2, 3]])),
    ({"a": 1, "b": {2, 3}}, {"b": frozenset({3.0, 2}), "a": True}),
    (Point(1), Point(1.0)),
]
DIFFERENT = [
    *(values[0] for values in EQUAL),
    *(Colour.RED, Colour.BLUE, None, "1", "None", b"a", {1}, [1], [[1, 2], 3], [1, 2, 3], ["a", "b"], ["ab"], range(3)),
    *(float("nan"), float("inf"), 2**64, 1e300, 0.1, fractions.Fraction(1, 10), [16], [1, None], [1, 0], object(), len),
    *({}, [], (b"\0",), "\udcff", {"a": {"b": 1}}, {"a": {}, "b": 1}, [1, "b"], [0x1B], Point(1, frozenset({"b"}))),
]


@pytest.mark.parametrize("values", EQUAL, ids=lambda values: repr(values[0]))
def test_equal_values_have_one_text(values):
    assert len(set(map(canonical, values))) == 1


def test_different_values_have_different_texts():
    assert len(set(map(canonical, DIFFERENT))) == len(DIFFERENT)


def test_value_that_holds_itself_or_cannot_be_shown_has_a_text():
    circle = []
    circle.append(circle)
    odd = type("Odd", (), {"__repr__": None})()
    assert canonical(circle) == "s11:list[[...]]"
    assert canonical(odd) == "s3:Odd"
    jobs = Jobs()
    jobs._jobs = [{"circle": circle, "odd": odd}]
    assert jobs.job_seed(0) > 0


def test_text_is_the_same_in_every_process():
    """Whatever the order of sets, and the place of objects in memory."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_seeds as t; print(*map(t.canonical, t.DIFFERENT))"
    argv = [sys.executable, "-c", code, str(Path(__file__).parent)]
    told = {subprocess.run(argv, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout for seed in "12"}
    assert len(told) == 1


def test_seed_stays_what_it_is():
    """A change would give all users other results: the text of the value that is pinned here is a promise."""
    jobs = construct(Jobs, {"n": 2}, ".", "jobs.py")
    assert jobs.job_seed(3) == 6670543138964950831
    assert jobs.job_rng(3).random() == 0.10770802133217483


def test_seed_is_made_of_option_arguments_and_parameters_alone():
    jobs = construct(Jobs, {"n": 2}, ".", "jobs.py")
    more = construct(Jobs, {"n": 2}, ".", "jobs.py", 5)
    assert len({jobs.job_seed(i) for i in range(4)}) == 4
    assert {jobs.job_seed(i) for i in range(4)} & {more.job_seed(i) for i in range(4)} == set()
    assert construct(Jobs, {"n": 2}, "other", "jobs.py").job_seed(3) == jobs.job_seed(3)
    assert Jobs(2).job_seed(3) == Jobs(n=2, path_prefix="o").job_seed(3) == jobs.job_seed(3) < 2**64
    assert Jobs(2, "b").job_seed(3) != Jobs(2).job_seed(3) != Jobs(3).job_seed(3)
    moved = construct(Jobs, {"n": 2}, ".", "jobs.py")
    moved._jobs = moved._jobs[::-1]
    assert moved.job_seed(0) == jobs.job_seed(3)


def test_generators_of_a_job_are_independent_and_begin_afresh():
    jobs = Jobs()
    assert jobs.job_rng(0).random() == jobs.job_rng(0).random()
    source = seeds.job_source(jobs, 0)
    assert len({seeds.integer(source, name, 64) for name in ("job_seed", "job_rng", "random", "torch")}) == 4


def test_seed_by_names_what_alone_counts(tmp_path):
    class Paired(Jobs):
        seed_by = ("replicate",)

    jobs, other = Paired(n=2), Paired(n=2, method="b")
    assert jobs.job_seed(0) == jobs.job_seed(1) == other.job_seed(0) != jobs.job_seed(2)
    Paired.seed_by = "method", "x"
    assert Paired(method="b").job_seed(0) == Paired(method="b").job_seed(2) != Paired(method="c").job_seed(0)


@pytest.mark.parametrize(
    ("names", "what"), [(("replicat",), "names 'replicat', which"), (5, "is 5, not"), ((), r"is \(\), not")]
)
def test_seed_by_that_names_nothing_is_refused(names, what):
    with pytest.raises(JobModuleError, match=f"seed_by {what}"):
        construct(type("Jobs", (Jobs,), {"seed_by": names}), {}, ".", "jobs.py")


def test_names_that_a_class_has_by_chance_are_not_called():
    class Old(Jobs):
        job_seed = seed = 5

        def seed_by(self):
            raise AssertionError

        job_rng = job_numpy_rng = begin = seed_generators = seed_by

    jobs = construct(Old, {"n": 1}, ".", "jobs.py")
    seeds.begin(jobs, 0, jobs._jobs[0])


def test_numpy_that_is_missing_is_told_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "numpy.random", raising=False)
    with pytest.raises(JobModuleError, match="job_numpy_rng needs NumPy"):
        Jobs().job_numpy_rng(0)


@pytest.fixture(autouse=True)
def generator_of_numpy():
    """Give NumPy its own generator back, which a job module may have replaced in this process as well."""
    yield
    if "numpy.random" in sys.modules:
        numpy = sys.modules["numpy"]
        numpy.random.set_bit_generator(numpy.random.MT19937(1))


HEADS = {
    "before the jobs": "import random, numpy.random",
    "within the job": "",
    "a module without its random": "import numpy",
    "a name of it": "from numpy.random import normal; from random import random as draw",
    "another bit generator": "import random, numpy; numpy.random.set_bit_generator(numpy.random.PCG64(1))",
}


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_global_generators_are_seeded_for_each_job(tmp_path, isolation, head):
    """Each job draws its own numbers, and the same ones in another process, after other jobs."""
    pytest.importorskip("numpy")
    body = "import random, numpy\nself.write(i, f'{random.random()} {numpy.random.normal()} {random.gauss(0, 1)}')"
    drawn = []
    for number, hows in enumerate((["a", "b", "c"], ["c", "b"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        one = Engine(folder, textwrap.indent(body, " " * 8), hows, isolation=isolation, head=head).start()
        assert one.wait() == 0
        one.close()
        drawn.append({how: (one.output / f"how{how}.txt").read_text() for how in hows})
    assert len({number for text in drawn[0].values() for number in text.split()}) == 9
    assert drawn[1].items() <= drawn[0].items()


FAKE_TORCH = "state = None\ndef manual_seed(seed):\n    global state\n    state = seed\n"


@pytest.mark.parametrize("head", ["import torch", ""])
@pytest.mark.parametrize("attribute", ["seed_generators = True", "seed_generators = False"])
def test_torch_is_seeded_unless_the_class_wants_none(tmp_path, head, attribute):
    """A module that stands in for the real one, which is large."""
    (tmp_path / "torch.py").write_text(FAKE_TORCH)
    body = f"        import torch\n        self.write(i, str(torch.state))\n\n    {attribute}"
    one = Engine(tmp_path, body, ["a", "b"], head=head, isolation="none").start()
    assert one.wait() == 0
    states = {(one.output / f"how{how}.txt").read_text() for how in "ab"}
    assert states == {"None"} if "False" in attribute else len(states - {"None"}) == 2


def test_library_that_loads_later_keeps_its_own_loader():
    """And no import of another module is slower for it."""
    code = """
        import sys
        import jor.runtime.seeds as seeds
        class Jobs:
            _jobs, _jor_given, _jor_seed, _jor_running, seed_by, seed_generators = [{}], {}, 0, None, None, True
        sys.modules.pop("random", None)
        seeds.begin(Jobs(), 0, {})
        seeds.begin(Jobs(), 0, {})
        import random, json
        first = random.random()
        assert type(random.__loader__).__module__.startswith(("_frozen", "importlib")), random.__loader__
        assert random.__spec__.loader is random.__loader__
        assert sum(type(finder).__name__ == "_SeedingFinder" for finder in sys.meta_path) == 1
        seeds.begin(Jobs(), 0, {})
        assert random.random() == first
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_what_decides_the_order_of_sets_is_recorded(tmp_path):
    one = Engine(tmp_path, "        self.write(i)", ["a"]).start(PYTHONHASHSEED="5")
    assert one.wait() == 0
    assert one.events(Claim)[0].hash_seed == "5"


def test_children_of_a_job_that_load_a_library_draw_their_own_numbers(tmp_path):
    """As in plain Python: each seeds itself when it loads."""
    body = """
        sys.modules.pop("random", None)
        reading, writing = os.pipe()
        for _ in range(2):
            if os.fork() == 0:
                import random
                os.write(writing, f"{random.random()} ".encode())
                os._exit(0)
            os.wait()
        self.write(i, os.read(reading, 1000).decode())
    """
    one = Engine(tmp_path, textwrap.indent(textwrap.dedent(body), " " * 8), ["a"]).start()
    assert one.wait() == 0
    assert len(set((one.output / "howa.txt").read_text().split())) == 2
