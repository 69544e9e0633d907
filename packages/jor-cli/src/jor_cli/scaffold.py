"""The files of a new project, as text: a job module, a todo-list, and jor.cfg with every option commented out."""

from __future__ import annotations

import ast
import keyword
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from string import Formatter

import attrs

from jor import JorError
from jor.errors import nearest
from jor.options import OPTIONS, SECTIONS

#: What a parameter may be called that takes the path of the output.
OUTPUTS = ("output", "out", "output_path", "output_file", "outfile", "out_file")

EXAMPLE = '''\
"""Estimates pi by throwing points at a square: replace this by what you want to compute."""

import random

import jor


class Jobs(jor.JobsBase):
    name = "pi"  # the folder of the outputs, below path-prefix
    time = "00:05:00"  # time and memory of one job: for clusters
    mem = "500M"

    def __init__(self, seeds=4, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.seeds = seeds  # the arguments come from todo.yaml
        self._mk_jobs()

    def _mk_jobs(self):
        # One job for each combination of these values.
        self._jobs = jor.grid(points=[1000, 10_000, 100_000], seed=range(self.seeds))

    def execute(self, i):
        job = self._jobs[i]
        chance = random.Random(job["seed"])
        hits = sum(chance.random() ** 2 + chance.random() ** 2 < 1 for _ in range(job["points"]))
        with open(self._get_output_path(**job), "w") as file:
            file.write(f"{4 * hits / job['points']}\\n")

    def collect(self):
        with open(f"{self.path_prefix}/pi.csv", "w") as table:
            table.write("points,seed,pi\\n")
            for job in self._jobs:
                path = self._get_output_path(**job)
                if path in self.existing_outputs:
                    table.write(f"{job['points']},{job['seed']},{open(path).read()}")
'''

FUNCTION = '''\
"""Calls {function} of {script}, once for each combination of the parameters below."""

{imports}

class Jobs(jor.JobsBase):
    name = {name!r}  # the folder of the outputs, below path-prefix
    time = "01:00:00"  # time and memory of one job: for clusters
    mem = "2G"

    def _mk_jobs(self):
        # One job for each combination: write the values that you want.
        self._jobs = jor.grid(
{axes}
        )

    def execute(self, i):
        job = self._jobs[i]
{call}
'''

SAVES_RESULT = """\
result = {function}(**job)
with open(self._get_output_path(**job), "w") as file:
    print(result, file=file)
"""

SAVES_ITSELF = """\
{function}(**job, {output}=self._get_output_path(**job))
"""

COMMAND = '''\
"""Runs a command, once for each combination of the parameters below."""

import shlex
import subprocess

import jor

COMMAND = {command!r}


class Jobs(jor.JobsBase):
    name = {name!r}  # the folder of the outputs, below path-prefix
    time = "01:00:00"  # time and memory of one job: for clusters
    mem = "2G"

    def _mk_jobs(self):
        # One job for each combination: write the values that you want.
        self._jobs = jor.grid(
{axes}
        )

    def execute(self, i):
        job = self._jobs[i]
        path = self._get_output_path(**job)
        words = [word.format(**job, output=path) for word in shlex.split(COMMAND)]
{call}
'''

COMMAND_SAVES = "subprocess.run(words, check=True)\n"
COMMAND_PRINTS = """\
with open(path, "w") as file:
    subprocess.run(words, check=True, stdout=file)
"""

TODO = """\
# What is to be run: a list of job modules, with arguments for their classes.
jobs:
  - jobmodule: {module}.py
{arguments}"""

IGNORED = "# what jobs make\noutput/\n"


@attrs.frozen
class Source:
    """What a new job module is to wrap: a function of a script, or a command line with parameters in braces."""

    #: The script, or the command line.
    text: str
    #: The function; "" for a command line.
    function: str = ""
    #: Names and default values of the parameters, the latter as Python writes them, "" for none.
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    #: The parameter that takes the path of the output; "" for none.
    output: str = ""

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
    if os.path.dirname(script) not in ("", "."):
        raise JorError("the script lies in another folder", where=script, remedy="Call jor init in that folder")
    try:
        tree = ast.parse(text, script)
    except SyntaxError as error:
        raise JorError(error.msg, where=f"{script}:{error.lineno}", remedy="Mend the syntax") from error
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = [function] if function else [name for name in functions if name[0] != "_" and _arguments(functions[name])]
    if len(names) != 1 or names[0] not in functions:
        what, remedy = _why_none(function, names, functions)
        raise JorError(what, where=script, remedy=remedy)
    return _function_source(script, functions[names[0]])


def files(source: Source | None = None) -> dict[str, str]:
    """Return the files of a new project, by their names."""
    module = f"jobs_{source.name}" if source else "jobs_pi"
    arguments = "" if source else "    # arguments of the class Jobs, as in Python\n    jobargs: seeds=4\n"
    return {
        f"{module}.py": _module(source) if source else EXAMPLE,
        "todo.yaml": TODO.format(module=module, arguments=arguments),
        "jor.cfg": config(),
        ".gitignore": IGNORED,
    }


def config() -> str:
    """Return a jor.cfg in which every option stands, with its default, as a comment."""
    lines = ["# Every option of jor, with its default. Take away the # of those that you set."]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        for option in OPTIONS:
            if option.section != section:
                continue
            lines += textwrap.wrap(option.help, 100, initial_indent="# ", subsequent_indent="# ")
            default = "" if option.default is None else f" {option.default}"
            # Outputs beside the job modules are in the way: a folder of their own, from the start.
            lines.append("path-prefix = output" if option.name == "path-prefix" else f"#{option.name} ={default}")
    return "\n".join(lines) + "\n"


def _module(source: Source) -> str:
    axes = {name: value for name, value in source.parameters.items() if name != source.output}
    lines = [
        f"            {name}=[{value or '1, 2, 3'}],{'' if value else '  # to be chosen'}"
        for name, value in axes.items()
    ]
    shared = {"name": source.name, "axes": "\n".join(lines)}
    if not source.function:
        call = COMMAND_SAVES if source.output else COMMAND_PRINTS
        return COMMAND.format(command=source.text, call=textwrap.indent(call, " " * 8).rstrip(), **shared)
    call = (SAVES_ITSELF if source.output else SAVES_RESULT).format(function=source.function, output=source.output)
    module = os.path.splitext(os.path.basename(source.text))[0]
    return FUNCTION.format(
        function=source.function,
        script=os.path.basename(source.text),
        imports=f"import jor\nfrom {module} import {source.function}\n",
        call=textwrap.indent(call, " " * 8).rstrip(),
        **shared,
    )


def _command_source(command: str) -> Source:
    try:
        names = [name for _, name, _, _ in Formatter().parse(command) if name is not None]
    except ValueError as error:
        raise JorError(
            f"the command cannot be read: {error}", where=command, remedy="Write braces as {{ and }}"
        ) from error
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise JorError(
                f"{{{name}}} is no name of a parameter", where=command, remedy="Write a name, or double other braces"
            )
    parameters = {name: "" for name in names if name != "output"}
    if not parameters:
        raise JorError("the command has no parameter", where=command, remedy="Write, say, --seed {seed}")
    return Source(command, parameters=parameters, output="output" if "output" in names else "")


def _function_source(script: str, node: ast.FunctionDef) -> Source:
    arguments = _arguments(node)
    output = next((name for name in arguments if name in OUTPUTS), "")
    if not set(arguments) - {output}:
        raise JorError(
            f"{node.name} takes no parameters",
            where=f"{script}:{node.lineno}",
            remedy="Name another: SCRIPT.py:FUNCTION",
        )
    module = os.path.splitext(os.path.basename(script))[0]
    if not module.isidentifier():
        remedy = "Rename the script to letters, digits and underscores"
        raise JorError(f"{module!r} cannot be imported", where=script, remedy=remedy)
    return Source(script, node.name, arguments, output)


def _arguments(node: ast.FunctionDef) -> dict[str, str]:
    """Return the names of a function's parameters and their default values, "" for none."""
    plain = node.args.args
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(node.args.defaults))
    both = [*zip(plain, [*defaults, *node.args.defaults], strict=True)]
    both += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return {argument.arg: _literal(default) for argument, default in both}


def _literal(default: ast.expr | None) -> str:
    """Return a default value as Python writes it; "" for none, and for what means something in its script alone."""
    try:
        return "" if default is None else repr(ast.literal_eval(default))
    except ValueError:
        return ""


def _why_none(function: str, names: Sequence[str], functions: Mapping[str, object]) -> tuple[str, str]:
    if function:
        return (f"there is no function {function!r}", nearest(function, tuple(functions)))
    if names:
        some = ", ".join(names)
        return (f"it has several functions: {some}", f"Name one of them: SCRIPT.py:{names[0]}")
    return (
        "it has no function with parameters",
        "Write one, or wrap a command line: jor init --from 'python SCRIPT.py --seed {seed}'",
    )


def _program(command: str) -> str:
    """Return the word that tells best what a command does: the script that an interpreter runs, else the program."""
    words = [word for word in command.split() if not word.startswith("-")]
    scripts = [word for word in words if re.search(r"\.\w+$", word) and "{" not in word]
    return (scripts or words or [""])[0]
