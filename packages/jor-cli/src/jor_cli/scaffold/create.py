"""The files of a new project, on the disk."""

from __future__ import annotations

import os
import tokenize

import attrs

from jor import JorError

from .project import files
from .wrap import source_of


@attrs.frozen
class Created:
    """What was made of a new project: names of files."""

    #: The job module.
    module: str
    made: tuple[str, ...]
    #: What was there already.
    kept: tuple[str, ...]


def create(wanted: str | None) -> Created:
    """Make the files of a new project here; leave what is there.

    They wrap what is `wanted`, a script or a command, if anything is. Raise JorError for what cannot be wrapped, and
    for a file that cannot be made.
    """
    texts = files(source_of(wanted, _text_of(wanted)) if wanted else None)
    module = next(iter(texts))
    if wanted and os.path.normpath(wanted.partition(":")[0]) == module:
        remedy = "Rename the script, or the function"
        raise JorError(f"the job module would be called {module} as well", where=wanted, remedy=remedy)
    kept = tuple(name for name in texts if os.path.lexists(name))
    made = tuple(name for name in texts if name not in kept)
    for name in made:
        _write(name, texts[name])
    return Created(module, made, kept)


def _text_of(wanted: str) -> str:
    """Return the content of the script that is to be wrapped; "" for a command. Raise JorError if there is none."""
    if "{" in wanted:
        return ""
    script = wanted.partition(":")[0]
    try:
        with tokenize.open(script) as file:  # in the encoding that it says it has
            return file.read()
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        remedy = "Name a Python file, or a command with its parameters in braces: 'tool --seed {seed}'"
        raise JorError(f"the script cannot be read: {why}", where=script, remedy=remedy) from error


def _write(name: str, text: str) -> None:
    """Write a new file, whole or not at all. Raise JorError when that cannot be."""
    try:
        with open(name, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if not isinstance(error, FileExistsError) and os.path.exists(name):
            os.unlink(name)
        remedy = "Call jor init in a folder that you may write to"
        raise JorError(
            f"the file cannot be made: {error.strerror}", where=os.path.abspath(name), remedy=remedy
        ) from error
