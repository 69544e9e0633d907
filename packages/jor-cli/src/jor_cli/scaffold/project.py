"""The files of a new project, as text: a job module, a todo-list, and jor.cfg with every option commented out."""

from __future__ import annotations

import keyword
import os
import textwrap
from collections.abc import Iterator

from jor.settings.options import OPTIONS, SECTIONS

from .templates import (
    COLLECT,
    COMMAND,
    COMMAND_PRINTS,
    COMMAND_SAVES,
    EXAMPLE,
    FUNCTION,
    IGNORED,
    ROWS,
    SAVES_ITSELF,
    SAVES_RESULT,
    TODO,
    VALUES,
    WRAPPER,
)
from .wrap import Parameter, Source


def files(source: Source | None = None) -> dict[str, str]:
    """Return the files of a new project, by their names; the first is the job module."""
    module = f"jobs_{source.name}" if source else "jobs_pi"
    arguments = "" if source else "    # arguments of the class Jobs, as in Python\n    jobargs: seeds=4\n"
    return {
        f"{module}.py": _module(source) if source else EXAMPLE.replace("{collect}", _collect("pi")),
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
    if source.function:
        script = os.path.basename(source.text)
        head = FUNCTION.format(function=source.function, script=script, imports="\n".join(_imports(source)))
        work, output = (SAVES_ITSELF, "path") if source.output else (SAVES_RESULT, "result")
        work = work.format(function=source.function, output=source.output)
    else:
        head = COMMAND.format(command=source.text)
        work, output = (COMMAND_SAVES, "path") if source.output else (COMMAND_PRINTS, "text")
    return WRAPPER.format(
        head=head,
        name=source.name,
        suffix=source.suffix,
        axes="\n".join(f"            {_axis(one)}" for one in source.parameters),
        work=_indented(work, 8),
        collect=_collect(output),
    )


def _axis(parameter: Parameter) -> str:
    name, default = parameter.name, parameter.default
    if parameter.is_foreign:
        return f"# {name}=[...],  # {default} as long as this is left out"
    if default:
        return f"{name}=[{default}],"
    return f"{name}=[{VALUES.get(parameter.annotation, '1, 2, 3')}],  # to be chosen"


def _imports(source: Source) -> Iterator[str]:
    """Yield the lines that import the function, from wherever its script is and whatever that is called."""
    folder, name = os.path.split(source.text)
    module = os.path.splitext(name)[0]
    is_named = module.isidentifier() and not keyword.iskeyword(module)
    needed = ["csv", *([] if is_named else ["importlib"]), *([] if source.output else ["json"])]
    yield from (f"import {one}" for one in needed + (["os", "sys"] if folder else []))
    yield from ("", "import jor")
    if folder:
        yield from ("", f"sys.path.insert(0, os.path.join(os.path.dirname(__file__), {folder!r}))")
    if is_named:
        yield f"from {module} import {source.function}"
    else:
        yield from ("", f"{source.function} = importlib.import_module({module!r}).{source.function}")


def _collect(output: str) -> str:
    what, row = ROWS[output]
    return COLLECT.format(what=what, row=_indented(row, 16))


def _indented(text: str, columns: int) -> str:
    return textwrap.indent(text, " " * columns).rstrip()
