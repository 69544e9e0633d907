"""Every message that a user can meet follows one form: what happened, where, what to do.

The messages are read from the source: each error that is made, each warning that is printed. tests/golden/messages.txt
has them all together, for people to read; JOR_UPDATE_GOLDEN=1 makes it anew.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden" / "messages.txt"

#: How a remedy begins: with what to do. "Did you mean" is the one question.
VERBS = frozenset(
    re.findall(
        r"\w+",
        "Add Ask Call Check Choose Correct Count Create Delete Did Fetch Fix Give Go Install Join Keep Kill Leave "
        "Let List Look Make Mend Move Name Number Put Remove Rename Return Run Save See Set Shorten Start Submit "
        "Take Try Use Write",
    )
)
#: What a message may begin with that is written in capitals.
NAMES = ("Jobs ", "Slurm ", "Slurm's ")
#: Where the place is told by who catches the error, or stands in its words.
PLACED_ELSEWHERE = {
    "jor/runtime/jobargs.py": "its words quote jobargs; jor.todo.reader adds the place in the todo-list",
    "jor/runtime/outputs.py": "jor.planning.planner adds the entry's place or the job module",
    "jor/runtime/jobs.py": "jor.planning.planner and jor.runtime.loading add the entry's place or the job module",
    "jor/runtime/names.py": "jor.planning.planner adds the entry's place or the job module",
    "jor/runtime/seeds.py": "jor.runtime.loading adds the job module, or it is the reason of one job",
    "jor/runtime/publishing.py": "it is the reason of one job, and told beside it",
    "jor/runtime/staging.py": "it is the reason of one job, and told beside it",
    "jor/runtime/forking.py": "it is the reason of one job, and told beside it",
    "jor/runtime/job_spec.py": "it is the reason of one job, and told beside it",
    "jor/planning/planner.py": "its caller adds the entry's place or the job module",
    "jor/todo/reader.py": "it adds the place of jobargs to its own error",
    "jor_containers/discovery.py": "jor_cli.environments.worker_command adds where sif or condaenv was set",
    "jor_containers/environments.py": "jor_cli.environments.worker_command adds where sif or condaenv was set",
    "jor_containers/places.py": "its words name the file; jor_cli.environments.worker_command adds the option",
    "jor_cli/environments/provenance.py": "jor_cli.environments.worker_command adds where sif or condaenv was set",
    "jor_slurm/arrays.py": "its words quote the indices",
    "jor_slurm/commands.py": "its words name the command, or the value given",
    "jor_slurm/limits.py": "its words name the cluster",
    "jor_slurm/options.py": "its words name the option; jor_cli.schedulers.cluster adds where it was set",
    "jor_slurm/refusals.py": "its words are those of sbatch",
    "jor_slurm/running.py": "its words name the command",
    "jor_slurm/script.py": "its words quote the value, or name the script",
    "jor_slurm/units.py": "its words quote the value; jor_cli.resources adds where it was set",
}


#: Errors of click, which has a form of its own: a sentence, after the usage of the command.
USAGE = {"UsageError", "fail"}


#: A line that ends no block.
BLANK = (1000, "")


class Message(NamedTuple):
    """A message as the source has it: alternatives of each part, with expressions in braces."""

    place: str
    kind: str
    what: tuple[str, ...]
    where: tuple[str, ...]
    remedy: tuple[str, ...]


class Source:
    """A module, and what its expressions may be as texts."""

    def __init__(self, path: Path) -> None:
        self.name = str(path).partition("/src/")[2]
        text = path.read_text()
        self.tree = ast.parse(text)
        #: The indentation and the first word of each line.
        self.lines = [_first(line) for line in text.split("\n")]
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}

    def messages(self) -> Iterator[Message]:
        """Yield the messages in the order of the source."""
        functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]
        scopes: dict[ast.expr, ast.AST] = {}
        for scope in [self.tree, *functions]:  # the outer before the inner
            scopes.update(dict.fromkeys([node for node in ast.walk(scope) if isinstance(node, ast.expr)], scope))
        for node in sorted(scopes, key=lambda node: (node.lineno, node.col_offset)):
            yield from self._message(node, scopes[node])

    def _message(self, node: ast.expr, scope: ast.AST) -> Iterator[Message]:
        if isinstance(node, ast.JoinedStr):
            (text,) = self.texts(node, scope)
            if text.startswith(("Warning: ", "Error: ")):
                yield Message(self.name, "printed", (text,), (), ())
        elif isinstance(node, ast.Call) and node.args:
            kind = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if kind in ERRORS | USAGE:
                given = {word.arg: tuple(self.texts(word.value, scope)) for word in node.keywords}
                what = tuple(filter(None, self.texts(node.args[0], scope)))
                yield Message(self.name, kind, what, given.get("where", ()), given.get("remedy", ()))

    def texts(self, node: ast.AST, scope: ast.AST) -> list[str]:
        """Return what an expression may be: alternatives, with what is not known before the program runs in braces."""
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if isinstance(node, ast.JoinedStr):
            return ["".join(part.value if isinstance(part, ast.Constant) else _hole(part) for part in node.values)]
        if isinstance(node, ast.IfExp):
            return self.texts(node.body, scope) + self.texts(node.orelse, scope)
        if isinstance(node, ast.BinOp):
            return [a + b for a, b in itertools.product(self.texts(node.left, scope), self.texts(node.right, scope))]
        if isinstance(node, ast.Name):
            values = [value for value in self._values(node.id, scope, node.lineno) if not _mentions(value, node.id)]
            return [text for value in values for text in self.texts(value, scope)] or [f"{{{node.id}}}"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            known = SOURCES["jor/errors.py"] if node.func.id == "nearest" else self
            answers = known.returned(node.func.id)
            if answers:
                return [text for value in answers for text in known.texts(value, known.functions[node.func.id])]
        return [f"{{{ast.unparse(node)}}}"]

    def returned(self, name: str) -> list[ast.AST]:
        """Return what a function of this module may return."""
        function = self.functions.get(name)
        nodes = ast.walk(function) if function else ()
        return [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]

    def _values(self, name: str, scope: ast.AST, line: int) -> list[ast.AST]:
        """Return all that a name may stand for in a line of a function, or else in the module; no parameter."""
        if isinstance(scope, ast.FunctionDef):
            found: list[ast.AST] = []
            for node, values in self._assigned(name, scope):
                if node.lineno > line:
                    continue
                between, column = self.lines[node.lineno : line], node.col_offset
                end = next((place for place, (first, _) in enumerate(between) if first < column), len(between))
                if end == len(between):  # the line lies in the same block, or in one within it
                    return [*found, *values]
                if not {(column, "raise"), (column, "return")} & {*between[:end]}:
                    found += values
            if found or name in {one.arg for one in [*scope.args.args, *scope.args.kwonlyargs]}:
                return found
        return [value for _, values in self._assigned(name, self.tree) for value in values]

    def _assigned(self, name: str, scope: ast.AST) -> Iterator[tuple[ast.Assign | ast.For, list[ast.AST]]]:
        """Yield where a name is set in a function or in the module, and to what, the last first."""
        nodes = ast.walk(scope) if isinstance(scope, ast.FunctionDef) else self.tree.body
        places = [node for node in nodes if isinstance(node, (ast.Assign, ast.For))]
        for node in sorted(places, key=lambda node: -node.lineno):
            found: list[ast.AST] = []
            if isinstance(node, ast.Assign):
                found = self._parts(node.targets[0], [node.value], name)
            elif isinstance(node.target, ast.Tuple):
                known = isinstance(node.iter, ast.Name) and node.iter.id != name
                rows = self._values(node.iter.id, scope, node.lineno) if known else [node.iter]
                found = self._parts(node.target, [row for one in rows for row in getattr(one, "elts", ())], name)
            if found:
                yield node, found

    def _parts(self, target: ast.AST, values: list[ast.AST], name: str) -> list[ast.AST]:
        """Return what a name becomes when `target` is set to each of `values`."""
        if isinstance(target, ast.Name):
            return values if target.id == name else []
        names = [getattr(one, "id", "") for one in getattr(target, "elts", ())]
        if name not in names:
            return []
        answers = [
            self.returned(getattr(value.func, "id", "")) if isinstance(value, ast.Call) else [value] for value in values
        ]
        tuples = [one for several in answers for one in several if isinstance(one, ast.Tuple)]
        return [one.elts[names.index(name)] for one in tuples]


def _first(line: str) -> tuple[int, str]:
    """Return the place of the first word of a line, and the word."""
    return (len(line) - len(line.lstrip()), line.split()[0]) if line.strip() else BLANK


def _mentions(node: ast.AST, name: str) -> bool:
    """Tell whether a value is made of what its name stood for before."""
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def _hole(part: ast.AST) -> str:
    """Return an expression of an f-string in braces, without its format."""
    return f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.unparse(part)


SOURCES = {source.name: source for source in map(Source, sorted(ROOT.glob("packages/*/src/**/*.py")))}
#: The errors that a user can mend, by the classes that the source defines; Mistakes holds others.
ERRORS = {"JorError", "SlurmError", "ContainerError"}
CLASSES = [node for one in SOURCES.values() for node in ast.walk(one.tree) if isinstance(node, ast.ClassDef)]
while more := {one.name for one in CLASSES if {getattr(base, "id", "") for base in one.bases} & ERRORS} - ERRORS:
    ERRORS |= more
ERRORS -= {"Mistakes"}
MESSAGES = [message for source in SOURCES.values() for message in source.messages()]
MADE = [message for message in MESSAGES if message.kind in ERRORS]


def passes_on(text: str) -> bool:
    """Tell whether a text is another error's, or another program's."""
    return bool(re.fullmatch(r"\{[^{}]*\}", text))


def named(message: Message) -> str:
    return f"{message.place}: {message.what[0][:50]}"


@pytest.mark.parametrize("message", MADE, ids=named)
def test_message_tells_what_happened(message: Message) -> None:
    for what in message.what:
        assert re.match(r"[a-z0-9_<{'\"]", what) or what.startswith(NAMES), what
        assert not what.endswith((".", "!", " ")), what


@pytest.mark.parametrize("message", MADE, ids=named)
def test_message_tells_what_to_do(message: Message) -> None:
    assert message.remedy or all(map(passes_on, message.what)), "it has no remedy"
    for remedy in message.remedy:
        assert passes_on(remedy) or re.split(r"\W", remedy)[0] in VERBS, remedy
        assert not remedy.endswith((".", "!", " ")), remedy


UNPLACED = [message for message in MADE if not message.where and not all(map(passes_on, message.what))]


@pytest.mark.parametrize("message", UNPLACED, ids=named)
def test_message_tells_where(message: Message) -> None:
    assert message.place in PLACED_ELSEWHERE


def test_each_exception_is_needed() -> None:
    assert PLACED_ELSEWHERE.keys() == {message.place for message in UNPLACED}
    remedies = [remedy for message in MESSAGES for remedy in message.remedy if not passes_on(remedy)]
    remedies += [message.what[0].partition("\n")[2].strip() for message in MESSAGES if message.kind == "printed"]
    used = {re.split(r"\W", remedy)[0] for remedy in remedies}
    assert VERBS - used == set()


@pytest.mark.parametrize("message", [one for one in MESSAGES if one.kind == "printed"], ids=named)
def test_what_is_printed_has_the_form_of_an_error(message: Message) -> None:
    for text in message.what:
        if passes_on(text.partition(": ")[2]):
            continue  # all of another message
        first, *rest = text.split("\n")
        assert re.match(r"(Warning|Error): \S", first), text
        assert not first.endswith("."), text
        assert all(line.startswith("  ") and line.split()[0] in VERBS for line in rest), text
        assert rest or text.startswith("Error: "), "a warning tells what to do"


def test_all_messages_together_look_as_agreed() -> None:
    lines = ["Every message, as the source makes it; what differs from case to case stands in braces."]
    for place, messages in itertools.groupby(MESSAGES, key=lambda message: message.place):
        lines += ["", place]
        for message in messages:
            where = "".join(f"{place}: " for place in message.where[:1])
            lines.append(f"  {message.kind}")
            lines += [f"    {where}{line}" for what in message.what for line in what.split("\n")]
            lines += [f"      {line}" for remedy in message.remedy for line in remedy.split("\n")]
    text = "\n".join(lines) + "\n"
    if os.environ.get("JOR_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
