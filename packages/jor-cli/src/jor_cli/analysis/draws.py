"""Random numbers that jobs would share, or that nobody could draw again: found in sources and in loaded objects.

And exit functions of modules, which forked jobs do not call: what they would write is missing.

What a job draws from the global generators of random, numpy.random and torch is its own: see jor.runtime.seeds.
"""

from __future__ import annotations

import ast
import functools
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from jor import JobsBase
from jor.planning.planner import Survey

from ..formatting import told_path
from .own_sources import Source, own_sources

_SHARED = "each job would draw the same numbers, or none could be repeated"
_REMEDY = "Make it in execute: rng = self.job_numpy_rng(i), or self.job_rng(i) without NumPy"
#: What registers functions for the end of the process, and what that means when a module is loaded.
_AT_EXIT = "atexit.register"
_NOT_CALLED = (
    "atexit.register is called when the module is loaded: what it registers is not called at the end of each job",
    "Call it at the end of execute, or register it there",
)
#: What makes a generator, and for what argument it takes a seed.
_GENERATORS = {
    "random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence",
    "numpy.random.MT19937", "numpy.random.PCG64", "numpy.random.PCG64DXSM", "numpy.random.Philox", "numpy.random.SFC64",
}  # fmt: skip
#: What seeds a global generator: those that jor seeds for each job, and others.
_SEEDED_BY_JOR = {
    "random.seed", "random.setstate", "numpy.random.seed", "numpy.random.set_state", "torch.manual_seed", "torch.seed",
    "torch.random.manual_seed", "torch.random.seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all",
    "torch.set_rng_state", "lightning.seed_everything", "lightning.pytorch.seed_everything",
    "pytorch_lightning.seed_everything", "lightning_fabric.seed_everything", "transformers.set_seed",
    "accelerate.utils.set_seed",
}  # fmt: skip
_SEEDED_BY_USER = {
    "tensorflow.random.set_seed", "tensorflow.set_random_seed", "tensorflow.keras.utils.set_random_seed",
    "keras.utils.set_random_seed", "cupy.random.seed", "polars.set_random_seed", "mxnet.random.seed", "paddle.seed",
}  # fmt: skip
#: What keeps the state of a global generator.
_STATES = {"random.getstate", "numpy.random.get_state", "torch.get_rng_state", "torch.random.get_rng_state"}
#: What is another value each time, and so no seed.
_NEVER_THE_SAME = {
    "time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.perf_counter_ns", "os.getpid",
    "os.urandom", "uuid.uuid1", "uuid.uuid4", "datetime.datetime.now", "datetime.datetime.utcnow", "secrets.randbits",
    "secrets.randbelow", "secrets.token_bytes", "threading.get_ident",
}  # fmt: skip
#: Classes of generators: package and name.
_KINDS = {
    ("random", "Random"), ("numpy", "Generator"), ("numpy", "RandomState"), ("numpy", "BitGenerator"),
    ("torch", "Generator"),
}  # fmt: skip
#: How far objects are followed, and how many are looked at.
_DEPTH = 6
_MOST_OBJECTS = 5_000
_MOST_ITEMS = 100


@attrs.frozen
class Draw:
    """A place in the source, and what it means for the random numbers of jobs."""

    path: str
    line: int
    what: str
    remedy: str

    @property
    def told(self) -> str:
        """The message."""
        return f"{told_path(self.path)}:{self.line}: {self.what}\n  {self.remedy}"


def draws_of(found: Survey) -> list[Draw]:
    """Return what is to be told of an entry."""
    return find_draws(own_sources(found.entry.jobmodule, found.entry.root), found.jobs)


def find_draws(sources: Mapping[str, Source], jobs: JobsBase) -> list[Draw]:
    """Return what is to be told of an entry's files and of its object Jobs, a line of a file once."""
    found: dict[tuple[str, int], Draw] = {}
    seeds = bool(jobs.seed_generators)
    for draw in (*(draw for source in sources.values() for draw in in_source(source, seeds)), *held(sources, jobs)):
        found.setdefault((draw.path, draw.line), draw)
    return sorted(found.values(), key=lambda draw: (draw.path, draw.line))


def in_source(source: Source, is_seeded: bool) -> Iterator[Draw]:
    """Yield what a file says; `is_seeded` tells whether global generators are seeded for each job."""
    names = _Names(source.tree)
    at_load = set(map(id, _run_at_load(source.tree)))
    for node in ast.walk(source.tree):
        name = names.called(node) if isinstance(node, ast.Call) else ""
        if not name:
            continue
        assert isinstance(node, ast.Call)
        told = _told(name, names.has_no_seed(node), id(node) in at_load, is_seeded)
        if name == _AT_EXIT and id(node) in at_load:
            told = _NOT_CALLED
        if told:
            yield Draw(source.path, node.lineno, *told)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and id(node) in at_load and names.are_among(node.decorator_list, _AT_EXIT):
            yield Draw(source.path, node.lineno, *_NOT_CALLED)


def held(sources: Mapping[str, Source], jobs: JobsBase) -> Iterator[Draw]:
    """Yield the generators that the object Jobs and the loaded modules of these files hold."""
    kept: dict[int, Draw] = {}
    for generator, name, path in _Walk(sources).generators(jobs):
        line = _lines(sources[path].tree).get(name, 0)
        what = f"{name} holds a random generator that is made before the jobs begin: {_SHARED}"
        if line or id(generator) not in kept:
            kept[id(generator)] = Draw(sources[path].path, line or 1, what, _REMEDY)
    yield from kept.values()


def _told(name: str, has_no_seed: bool, is_at_load: bool, is_seeded: bool) -> tuple[str, str] | None:
    """Return what a call of `name` means, and what to do; None if it does no harm."""
    if name in _GENERATORS:
        if is_at_load and (has_no_seed or name != "numpy.random.SeedSequence"):
            return f"{name} is called when the module is loaded: {_SHARED}", _REMEDY
        if has_no_seed:
            return f"{name} gets no seed of the job's: what is drawn from it cannot be repeated", _REMEDY
    elif name in _STATES and is_at_load:
        what = "jobs that go back to this state draw the same numbers"
        return f"{name} is called when the module is loaded: {what}", _REMEDY
    elif name in _SEEDED_BY_JOR or name in _SEEDED_BY_USER:
        if is_at_load and is_seeded and name in _SEEDED_BY_JOR:
            what = "jobs do not draw from that seed, since jor seeds these generators again before each job"
            return f"{name} is called when the module is loaded: {what}", (
                "Remove it; the option seed decides what jobs draw, and seed_generators = False leaves it to the class"
            )
        if is_at_load:
            what = "each job would draw the same numbers"
            return f"{name} is called when the module is loaded: {what}", "Call it in execute, with self.job_seed(i)"
        if has_no_seed:
            what = "what is drawn afterwards cannot be repeated"
            return f"{name} gets no seed of the job's: {what}", "Remove it, or give it self.job_seed(i) % 2**32"
    return None


class _Names:
    """What names in a file stand for, by its import statements and assignments."""

    def __init__(self, tree: ast.Module) -> None:
        self._known: dict[str, str] = {}
        self._stars: list[str] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._known[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self._stars += [node.module for alias in node.names if alias.name == "*"]
                self._known.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = self._dotted(node.value)  # seed = np.random.seed
                if name:
                    self._known[node.targets[0].id] = name

    def called(self, call: ast.Call) -> str:
        """Return the full name of what is called, as far as it is known here; "" if it is not."""
        name = self._dotted(call.func)
        if not name and isinstance(call.func, ast.Name):
            everything = _GENERATORS | _SEEDED_BY_JOR | _SEEDED_BY_USER
            return next((full for star in self._stars if (full := f"{star}.{call.func.id}") in everything), "")
        return name

    def are_among(self, expressions: Iterable[ast.expr], name: str) -> bool:
        """Tell whether one of these expressions is what has this full name."""
        return any(self._dotted(one) == name for one in expressions)

    def has_no_seed(self, call: ast.Call) -> bool:
        """Tell whether a call is given nothing, None, or what is another value each time."""
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if all(isinstance(value, ast.Constant) and value.value is None for value in given):
            return True
        inside = (node for value in given for node in ast.walk(value) if isinstance(node, ast.Call))
        return any(self.called(node) in _NEVER_THE_SAME for node in inside)

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self._known.get(node.id, "")
        if isinstance(node, ast.Attribute):
            above = self._dotted(node.value)
            return f"{above}.{node.attr}" if above else ""
        return ""


def _run_at_load(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that are run when a module is loaded: not those of functions, unless they are called there."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults), *getattr(node, "decorator_list", ())]
        elif isinstance(node, ast.If) and "__main__" in ast.dump(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
                waiting += functions.pop(node.func.id).body


def _lines(tree: ast.Module) -> dict[str, int]:
    """Return where names are first set: those of the module, `Class.name`, `self.name`, and functions."""
    lines: dict[str, int] = {}
    for node in _run_at_load(tree):
        members = node.body if isinstance(node, ast.ClassDef) else []
        for one, prefix in [(node, ""), *((member, f"{getattr(node, 'name', '')}.") for member in members)]:
            if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
                lines.setdefault(prefix + one.name, one.lineno)
            for target in _targets(one):
                if isinstance(target, ast.Name):
                    lines[prefix + target.id] = min(target.lineno, lines.get(prefix + target.id, target.lineno))
    for node in ast.walk(tree):
        for target in _targets(node):
            if isinstance(target, ast.Attribute):
                lines.setdefault(f"self.{target.attr}", target.lineno)
    return lines


def _targets(node: ast.AST) -> Iterator[ast.AST]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for target in filter(None, targets):
        yield from ast.walk(target)


#: What is still to be looked at: an object, the name that holds it, the real path of that name's file, and how far on.
_Step = tuple[Any, str, str, int]


class _Walk:
    """Follows what an object Jobs and the modules of some files hold, calling nothing of theirs."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._paths = {name: path for path, source in sources.items() for name in (path, source.path)}
        self._waiting: list[_Step] = []
        self._modules: set[str] = set()

    def generators(self, jobs: JobsBase) -> Iterator[tuple[Any, str, str]]:
        """Yield each generator with the name that holds it, and the real path of the file of that name."""
        own = [cls for cls in type(jobs).__mro__ if cls not in JobsBase.__mro__]
        path = next(filter(None, map(self._path_of_class, own)), "")
        if not path:
            return  # it was loaded elsewhere
        for module in [*sys.modules.values()]:
            self._add_module(module)
        self._waiting += [(cls, "", path, _DEPTH) for cls in own]
        self._add({name: value for name, value in vars(jobs).items() if name != "_jobs"}, "self.", path, _DEPTH)
        seen: set[int] = set()
        while self._waiting and len(seen) < _MOST_OBJECTS:
            value, name, path, depth = self._waiting.pop()
            if is_generator(value):
                yield value, name, path
            elif depth and id(value) not in seen:
                seen.add(id(value))
                self._follow(value, name, path, depth - 1)

    def _follow(self, value: Any, name: str, path: str, depth: int) -> None:
        if isinstance(value, type):
            path = self._path_of_class(value)
            if path:
                self._add(vars(value), f"{value.__name__}.", path, depth)
        elif isinstance(value, types.ModuleType):
            self._add_module(value)
        elif isinstance(value, types.FunctionType):
            self._add_names(value.__globals__)
            cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
            parts = [*cells, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
            self._waiting += [(part, name, path, depth) for part in parts]
        else:
            self._waiting += [(part, name, path, depth) for part in _parts(value)]

    def _add_module(self, module: object) -> None:
        if isinstance(module, types.ModuleType):
            self._add_names(object.__getattribute__(module, "__dict__"))  # vars() would load one that loads lazily

    def _add_names(self, names: Mapping[str, Any]) -> None:
        path = self._path(names)
        if path and path not in self._modules:
            self._modules.add(path)
            self._add(names, "", path, _DEPTH)

    def _add(self, values: Mapping[str, Any], prefix: str, path: str, depth: int) -> None:
        self._waiting += [(value, f"{prefix}{name}", path, depth) for name, value in values.items()]

    def _path_of_class(self, cls: type) -> str:
        """Return the real path of the own file that a class is defined in, "" if it is of none."""
        names = (getattr(member, "__globals__", {}) for member in vars(cls).values())
        return next(filter(None, map(self._path, names)), "")

    def _path(self, names: Mapping[str, Any]) -> str:
        """Return the real path of the own file that has these global names, "" if none has."""
        file = names.get("__file__") if isinstance(names, dict) else None
        return self._paths.get(file, "") if isinstance(file, str) else ""


def is_generator(value: Any) -> bool:
    """Tell whether an object draws random numbers, and is none of the global generators."""
    kinds = {(str(cls.__module__).partition(".")[0], cls.__name__) for cls in type(value).__mro__}
    return bool(kinds & _KINDS) and ("random", "SystemRandom") not in kinds and not _is_global(value)


def _is_global(value: Any) -> bool:
    places = (("random", "_inst"), ("numpy.random.mtrand", "_rand"), ("torch", "default_generator"))
    known = [vars(sys.modules[module]).get(name) for module, name in places if module in sys.modules]
    return any(value is one or value is getattr(one, "_bit_generator", None) for one in known)


def _parts(value: Any) -> Iterable[Any]:
    """Return what an object holds, as far as that can be seen without calling anything of the user's."""
    if isinstance(value, dict):
        return [*value.values()][:_MOST_ITEMS]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [*value][:_MOST_ITEMS]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, (types.MethodType, types.BuiltinMethodType)):
        return [] if isinstance(value.__self__, types.ModuleType) else [value.__self__]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    try:
        return [*object.__getattribute__(value, "__dict__").values()][:_MOST_ITEMS]
    except (AttributeError, TypeError):
        return []


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
