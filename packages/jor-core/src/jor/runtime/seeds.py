"""Random numbers that belong to a job: seeds made of its values, and the global generators seeded for it.

What a stream is made of is the option seed, the arguments given to the class, and the job's parameters, each by value.
So neither the order of the jobs, nor the process or machine, nor values that are added later change it.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Protocol, Sequence

from ..errors import JobModuleError

try:
    from _blake2 import blake2b  # hashlib would load OpenSSL, and make each fork more expensive
except ImportError:
    from hashlib import blake2b

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from random import Random

    import numpy


class Seeded(Protocol):
    """What JobsBase has for this module, which tells more of them."""

    seed_generators: bool
    seed_by: str | Sequence[str] | None
    _jobs: Sequence[Mapping[str, Any]]
    _jor_seed: int
    _jor_given: Mapping[str, str] | None
    _jor_arguments: tuple[tuple[Any, ...], Mapping[str, Any]]
    _jor_running: tuple[int, str] | None


def canonical(value: Any) -> str:
    """Return a text that is the same for equal values, in every process, Python and NumPy.

    Numbers count by value (1, 1.0, True and NumPy's are one), lists, tuples and arrays by their items, sets and
    mappings without order, paths as texts; an enum's member by its value if it equals that, else by class and value.
    """
    try:
        return _canonical(value)
    except Exception:  # it holds itself, or cannot be looked at
        return _text(_said(value))


def given_to(constructor: Any, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments given to a class as texts by name, without path_prefix."""
    code = getattr(constructor, "__code__", None)
    positional = zip(code.co_varnames[1 : code.co_argcount], args) if code else ()
    named = {**dict(positional), **kwargs}
    return {name: canonical(value) for name, value in named.items() if name != "path_prefix"}


def job_source(jobs: Seeded, index: int) -> str:
    """Return the text of which the streams of a job are made. Raise JobModuleError where seed_by is wrong."""
    running = jobs._jor_running
    if running is not None and running[0] == index:
        return running[1]  # as it was when the job began, whatever has become of the dictionary since
    return _source(jobs, index, jobs._jobs[index])


def _source(jobs: Seeded, index: int, parameters: Mapping[str, Any]) -> str:
    arguments, names = jobs._jor_given, _seed_by(jobs)
    if arguments is None:
        arguments = given_to(type(jobs).__init__, *jobs._jor_arguments)
    if names is None:
        values = {canonical(name): canonical(parameters[name]) for name in parameters}
        return f"{jobs._jor_seed};{_pairs(arguments)}{_pairs(values, are_texts=True)}"
    named = {name: canonical(parameters[name]) if name in parameters else arguments.get(name) for name in names}
    missing = [name for name, text in named.items() if text is None]
    if missing:
        raise JobModuleError(
            f"seed_by names {missing[0]!r}, which is neither a parameter of job {index} nor an argument that is given",
            remedy=f"Name some of: {', '.join([*map(str, parameters), *arguments])}",
        )
    return f"{jobs._jor_seed};{_pairs(named)}"


def integer(source: str, purpose: str, bits: int) -> int:
    """Return a number of that many bits; for each purpose another one, of which none tells about the others."""
    return int.from_bytes(_digest(source, purpose, bits // 8), "little")


def _digest(source: str, purpose: str, size: int) -> bytes:
    digest = blake2b(source.encode(errors="surrogatepass"), digest_size=size, person=purpose.encode())
    return digest.digest()


def rng(jobs: Seeded, index: int) -> Random:
    """Return a generator of the standard library for a job."""
    from random import Random

    return Random(integer(job_source(jobs, index), "job_rng", 256))  # noqa: S311 # for simulations


def numpy_rng(jobs: Seeded, index: int) -> numpy.random.Generator:
    """Return a generator of NumPy for a job. Raise JobModuleError where there is no NumPy."""
    try:
        from numpy.random import default_rng
    except ImportError as error:
        raise JobModuleError(
            f"job_numpy_rng needs NumPy, which cannot be imported here: {error}",
            remedy="Install numpy where the jobs run, or use self.job_rng(i), a random.Random",
        ) from error
    return default_rng(integer(job_source(jobs, index), "job_numpy_rng", 256))


def begin(jobs: Seeded, index: int, parameters: Mapping[str, Any]) -> None:
    """Seed the global generators for a job that is about to start, and those that it loads as they load."""
    source = _source(jobs, index, parameters)
    jobs._jor_running = (index, source)
    words = _digest(source, "generators", _GLOBAL.size) if jobs.seed_generators else b""
    are_missing = False
    for name, seed in _GENERATORS.items():
        module = sys.modules.get(name)
        if module is None:
            are_missing = True
        elif words:
            seed(module, words)
    if are_missing:
        _seed_later(words)


def _seed_later(words: bytes) -> None:
    for finder in sys.meta_path:
        if isinstance(finder, _SeedingFinder):
            finder.words, finder.process = words, os.getpid()
            return
    if words:
        sys.meta_path.insert(0, _SeedingFinder(words))


def check(jobs: Seeded) -> None:
    """Raise JobModuleError if the first job shows that seed_by is wrong."""
    if _seed_by(jobs) is not None and len(jobs._jobs):
        job_source(jobs, 0)


class _SeedingFinder:
    """Finds the libraries that have a global generator, as all others do, and has them seeded once they are loaded."""

    def __init__(self, words: bytes) -> None:
        #: What the running job's generators are seeded with; empty if its class wants them left alone.
        self.words = words
        #: The job's process: those that it forks would all draw the same numbers.
        self.process = os.getpid()
        self._asking: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a library is, if it is one of those."""
        if name not in _GENERATORS or name in self._asking:
            return None
        self._asking.add(name)
        try:
            found = (finder.find_spec(name, path, target) for finder in [*sys.meta_path] if finder is not self)
            spec = next(filter(None, found), None)
        finally:
            self._asking.discard(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _SeedingLoader(spec.loader, self)  # type: ignore[assignment] # until the library is there
        return spec


class _SeedingLoader:
    """Stands in for a loader until the library is there."""

    def __init__(self, loader: Any, finder: _SeedingFinder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> Any:
        """Return the module as its own loader makes it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Load the library, then seed its global generator."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._finder.words and self._finder.process == os.getpid():
            _GENERATORS[module.__name__](module, self._finder.words)


#: What the global generators are seeded with: that of random, of numpy.random, of torch.
_GLOBAL = struct.Struct("<32s16sQ")


def _seed_random(module: Any, words: bytes) -> None:
    generator = getattr(module, "_inst", None)  # a file of the user's that is called random.py has none
    if generator is not None:
        generator.seed(int.from_bytes(_GLOBAL.unpack(words)[0], "little"))


def _seed_numpy(module: Any, words: bytes) -> None:
    from random import Random  # NumPy has loaded it

    number = int.from_bytes(_GLOBAL.unpack(words)[1], "little")
    # Both are a Mersenne Twister. NumPy's own way to seed it with more than 32 bits touches twice as much memory, which
    # each forked job has to copy. With 32 bits, among 100,000 jobs two would draw the same numbers.
    state = {"key": Random(number).getstate()[1], "pos": 624}  # noqa: S311 # for simulations
    try:
        module.set_state({"bit_generator": "MT19937", "state": state, "has_gauss": 0, "gauss": 0.0})
    except ValueError:  # the user has put another bit generator in its place
        kind = type(module.get_bit_generator())
        module.set_bit_generator(module.MT19937(0))
        module.seed(0)  # forgets the second one of a pair of normal numbers, which the other would not
        module.set_bit_generator(kind(number))


def _seed_torch(module: Any, words: bytes) -> None:
    seed = getattr(module, "manual_seed", None)  # of GPUs as well, when they are first used; starts none
    if seed is not None:
        seed(_GLOBAL.unpack(words)[2])


#: Libraries that have a global generator, and how it is seeded.
_GENERATORS = {"random": _seed_random, "numpy.random": _seed_numpy, "torch": _seed_torch}


def _seed_by(jobs: Seeded) -> tuple[str, ...] | None:
    """Return the names of the keys that alone count; None for all."""
    names = jobs.seed_by
    if names is None or callable(names):
        return None  # a method of the user's that is called so by chance
    names = (names,) if isinstance(names, str) else names
    if not (isinstance(names, (tuple, list)) and names and all(isinstance(name, str) for name in names)):
        raise JobModuleError(
            f"seed_by is {jobs.seed_by!r:.100}, not names of parameters", remedy='Write: seed_by = ("replicate",)'
        )
    return tuple(names)


def _canonical(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int or kind is bool:
        return f"n{value:x};"
    if kind is float:
        return _number(value)
    if kind is list or kind is tuple:
        return f"[{''.join(map(_canonical, value))}]"
    if kind is dict:
        return _canonical_mapping(value)
    if value is None:
        return "-"
    return _canonical_object(value)


def _canonical_object(value: Any) -> str:
    kind = type(value)
    if isinstance(value, Enum) and value != value.value:
        return f"e{_text(kind.__qualname__)}{_canonical(value.value)}"
    if isinstance(value, (str, os.PathLike)):
        return _text(str.__str__(os.fsdecode(value)))  # not str(), which says E.A of some enums
    if isinstance(value, (set, frozenset)):
        return f"<{''.join(sorted(map(_canonical, value)))}>"
    if isinstance(value, Mapping):
        return _canonical_mapping(value)
    if isinstance(value, range):
        return f"r{_number(value.start)}{_number(value.step)}{_number(len(value))}"
    if isinstance(value, (bytes, bytearray)):
        return f"b{_text(value.hex())}"
    if hasattr(value, "as_integer_ratio"):
        return _number(value)  # int, float, Decimal, Fraction, and subclasses: NumPy's float64, enums of numbers
    if isinstance(value, complex):
        return _number(value.real) if not value.imag else f"c{_number(value.real)}{_number(value.imag)}"
    if callable(getattr(value, "tolist", None)) and not isinstance(value, type):
        plain = value.tolist()  # NumPy's scalars and arrays, Series, tensors
        return _canonical(float(plain) if type(plain) is kind else plain)
    if isinstance(value, (list, tuple)):
        return f"[{''.join(map(_canonical, value))}]"
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        return f"o{_text(kind.__qualname__)}{_canonical_mapping({name: getattr(value, name) for name in fields})}"
    if getattr(kind, "__repr__", None) is object.__repr__ and hasattr(value, "__dict__"):
        return f"o{_text(kind.__qualname__)}{_canonical_mapping(vars(value))}"
    return _text(_said(value))


def _canonical_mapping(mapping: Mapping[Any, Any]) -> str:
    return _pairs({_canonical(key): _canonical(mapping[key]) for key in mapping}, are_texts=True)


def _pairs(texts: Mapping[str, Any], *, are_texts: bool = False) -> str:
    """Return one text of the texts of values by name; with `are_texts`, the names are such texts already."""
    pairs = texts.items() if are_texts else [(_text(name), text) for name, text in texts.items()]
    return f"{{{''.join(sorted(name + text for name, text in pairs))}}}"


def _number(value: Any) -> str:
    try:
        above, below = value.as_integer_ratio()
    except (OverflowError, ValueError):
        return f"n{float(value)};"  # inf, -inf, nan
    return f"n{above:x};" if below == 1 else f"n{above:x}/{below:x};"


def _text(text: str) -> str:
    return f"s{len(text)}:{text}"


def _said(value: Any) -> str:
    """Return what an object says of itself, without its address."""
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return name
    try:
        return type(value).__qualname__ + re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    except Exception:
        return type(value).__qualname__
