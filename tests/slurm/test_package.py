"""What the package promises: its public names and the examples of its README."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from types import ModuleType

import jor_slurm

README = Path(__file__).parents[2] / "packages/jor-slurm/README.md"


def test_all_lists_every_public_name() -> None:
    public = {name for name, value in vars(jor_slurm).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert set(jor_slurm.__all__) == public | {"__version__"}


def test_examples_of_the_readme_come_out_as_written() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        example = doctest.DocTestParser().get_doctest(block, {}, "README.md", str(README), 0)
        assert doctest.DocTestRunner().run(example).failed == 0


def test_readme_tells_every_public_name() -> None:
    text = README.read_text()
    assert [name for name in jor_slurm.__all__ if name != "__version__" and f"`{name}`" not in text] == []
