"""What a new job module wraps: a function of a script, or a command line with parameters in braces."""

from __future__ import annotations

import ast
import keyword
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter

import attrs

from jor import JorError
from jor.errors import nearest

#: What a parameter may be called that takes the path of the output.
OUTPUTS = ("output", "out", "output_path", "output_file", "outfile", "out_file", "out_path", "save_path")
#: Words that mean something to a shell alone; a command line is run without one.
SHELL = ("|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1")


@attrs.frozen
class Parameter:
    """A parameter of a function or command."""

    name: str
    #: Its default value as the script writes it; "" for none.
    default: str = ""
    #: Whether the default means something in its script alone.
    is_foreign: bool = False
    #: The type that it is annotated with; "" for none.
    annotation: str = ""


@attrs.frozen
class Source:
    """What a new job module is to wrap."""

    #: The script, or the command line.
    text: str
    #: The function; "" for a command line.
    function: str = ""
    #: What jobs differ in.
    parameters: tuple[Parameter, ...] = ()
    #: The parameter that takes the path of the output; "" for none.
    output: str = ""
    #: What the names of outputs end in.
    suffix: str = "txt"

    @property
    def name(self) -> str:
        """A short name for it, which is a Python name."""
        words = self.function or os.path.splitext(os.path.basename(_program(self.text)))[0]
        name = re.sub(r"\W+", "_", words).strip("_").lower() or "command"
        return f"_{name}" if name[0].isdigit() else name


def source_of(wanted: str, text: str = "") -> Source:
    """Return what `wanted` names: SCRIPT.py, SCRIPT.py:FUNCTION, or a command with {parameters} in it.

    `text` is the script's content. Raise JorError when there is no one function to wrap.
    """
    if "{" in wanted:
        return _command_source(wanted)
    script, _, function = wanted.partition(":")
    try:
        tree = ast.parse(text, script)
    except (SyntaxError, ValueError) as error:  # ValueError: the text has a null character
        where = f"{script}:{getattr(error, 'lineno', None) or 1}"
        raise JorError(getattr(error, "msg", str(error)), where=where, remedy="Mend the syntax") from error
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = [function] if function else [name for name, node in functions.items() if _is_work(node)]
    if len(names) != 1 or names[0] not in functions:
        what, remedy = _why_none(script, function, names, functions, tree)
        raise JorError(what, where=script, remedy=remedy)
    return _function_source(script, functions[names[0]])


def _command_source(command: str) -> Source:
    try:
        words = shlex.split(command)
        names = [name for _, name, _, _ in Formatter().parse(command) if name is not None]
    except ValueError as error:
        remedy = "Write braces that are no parameter as {{ and }}, and close quotation marks"
        raise JorError(f"the command cannot be read: {error}", where=command, remedy=remedy) from error
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name) or name == "self":
            raise JorError(
                f"{{{name}}} is no name of a parameter", where=command, remedy="Write a name, or double other braces"
            )
    if not {*names} - {"output"}:
        raise JorError("the command has no parameter", where=command, remedy="Write, say, --seed {seed}")
    for word in words:
        if word in SHELL:
            remedy = "Write the line into a script, and wrap that: jor init --from 'sh script.sh {seed} {output}'"
            raise JorError(f"the command is run without a shell, which {word!r} needs", where=command, remedy=remedy)
    parameters = tuple(Parameter(name) for name in dict.fromkeys(names) if name != "output")
    return Source(command, parameters=parameters, output="output" if "output" in names else "")


def _function_source(script: str, node: ast.FunctionDef) -> Source:
    where = f"{script}:{node.lineno}"
    if node.args.posonlyargs:
        first = node.args.posonlyargs[0].arg
        raise JorError(
            f"{node.name} takes {first} by its position alone", where=where, remedy="Take away the / in its parameters"
        )
    parameters = list(_parameters(node))
    if any(one.name == "self" for one in parameters):
        raise JorError(f"{node.name} has a parameter self", where=where, remedy="Give it another name")
    output = next((one for one in parameters if one.name in OUTPUTS), None)
    others = [one for one in parameters if one is not output]
    if not others:
        remedy = f"Name another: {script}:FUNCTION"
        raise JorError(f"{node.name} takes no parameters", where=where, remedy=remedy)
    if output is None and not _returns(node.body):
        remedy = "Let it return the result, or take a parameter `output`: the path of the file that it writes"
        raise JorError(f"{node.name} returns nothing", where=where, remedy=remedy)
    if "." in _stem(script):
        raise JorError(f"{_stem(script)!r} cannot be imported", where=script, remedy="Rename the script without dots")
    if all(one.is_foreign for one in others):  # what is left out of a sweep cannot be all there is
        others = [attrs.evolve(one, default="", is_foreign=False) for one in others]
    suffix = os.path.splitext(output.default.strip("'\""))[1].lstrip(".") if output else "json"
    return Source(script, node.name, tuple(others), output.name if output else "", suffix or "txt")


def _parameters(node: ast.FunctionDef) -> Iterator[Parameter]:
    plain = node.args.args
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(node.args.defaults))
    both = [*zip(plain, [*defaults, *node.args.defaults], strict=True)]
    both += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for argument, default in both:
        text = "" if default is None else ast.unparse(default)
        is_foreign = default is not None and any(isinstance(part, ast.Name) for part in ast.walk(default))
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        yield Parameter(argument.arg, text, is_foreign, annotation)


def _is_work(node: ast.FunctionDef) -> bool:
    """Tell whether a function may be what a script is about: not `main(argv)`, nor a command of click."""
    names = {one.name for one in _parameters(node)}
    is_command = any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
    return node.name[0] != "_" and bool(names - {"argv", "args"}) and not is_command


def _returns(body: Sequence[ast.AST]) -> bool:
    """Tell whether statements return a value, those of functions and classes within them aside."""
    for part in body:
        if isinstance(part, (ast.Yield, ast.YieldFrom)) or (isinstance(part, ast.Return) and part.value is not None):
            return True
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)) and _returns(
            list(ast.iter_child_nodes(part))
        ):
            return True
    return False


def _why_none(
    script: str, function: str, names: Sequence[str], functions: Mapping[str, ast.FunctionDef], tree: ast.Module
) -> tuple[str, str]:
    if function:
        return (f"there is no function {function!r}", nearest(function, tuple(functions)))
    if names:
        some = ", ".join(names)
        return (f"it has several functions: {some}", f"Name one of them: {script}:{names[0]}")
    flags = " ".join(_flags(tree)) or "--seed {seed}"
    return (
        "it has no function with parameters",
        f"Write one, or wrap the command line: jor init --from 'python {script} {flags}'",
    )


def _flags(tree: ast.Module) -> Iterator[str]:
    """Yield the flags that a script gives to argparse, or to click, with parameters in braces."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        assert isinstance(call.func, ast.Attribute)
        texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        is_switch = {"action", "is_flag"} & {one.arg for one in call.keywords}
        if call.func.attr not in ("add_argument", "option", "argument") or not texts or is_switch:
            continue
        flag = next((text for text in texts if text.startswith("--")), texts[0])
        name = flag.lstrip("-").replace("-", "_")
        name = "output" if name in OUTPUTS else f"{name}_" if keyword.iskeyword(name) else name
        yield f"{flag} {{{name}}}" if flag.startswith("-") else f"{{{name}}}"


def _stem(script: str) -> str:
    return os.path.splitext(os.path.basename(script))[0]


def _program(command: str) -> str:
    """Return the word that tells best what a command does: the script that an interpreter runs, else the program."""
    words = [word for word in command.split() if not word.startswith("-")]
    scripts = [word for word in words if re.search(r"\.\w+$", word) and "{" not in word]
    return (scripts or words or [""])[0]
