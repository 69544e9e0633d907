"""The matrix of faults and promises holds what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .matrix import MATRIX, PROMISES, Row, proofs_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.fault)
def test_proofs_of_the_matrix_exist(row: Row) -> None:
    for test in proofs_of(row):
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), test


def test_each_row_names_promises() -> None:
    assert {word for row in MATRIX for word in row.promises.split()} == set(PROMISES)
    assert [row.fault for row in MATRIX if not row.promises] == []


@pytest.mark.parametrize("word", PROMISES)
def test_readme_links_each_promise_to_proofs_of_it(word: str) -> None:
    (cell,) = re.findall(rf"^\| {re.escape(PROMISES[word])} \| (.*) \|$", README, re.MULTILINE)
    links = re.findall(r"\]\(([^)]+)\)", cell)
    proofs = {test.partition("::")[0] for row in MATRIX if word in row.promises.split() for test in proofs_of(row)}
    assert links
    assert set(links) <= proofs
