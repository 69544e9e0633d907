"""`grid()`: the product of parameter lists as a lazy sequence of dictionaries."""

from __future__ import annotations

from itertools import product, repeat
from typing import Any, Dict, Iterator, Sequence, overload


class Grid(Sequence[Dict[str, Any]]):
    """The product of named sequences; the last name varies fastest, as in nested loops.

    Each dictionary is made when it is asked for, so a grid takes as much memory as its axes, however
    many jobs it has.
    """

    __slots__ = ("_axes", "_length")

    def __init__(self, axes: dict[str, Sequence[Any]]) -> None:
        self._axes = tuple((name, _axis(name, values)) for name, values in axes.items())
        self._length = 1
        for _, values in self._axes:
            self._length *= len(values)

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        """The names and their values, in the order given."""
        return dict(self._axes)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        place = index + self._length if index < 0 else index
        if not 0 <= place < self._length:
            raise IndexError(f"index {index} is out of range: the grid has {self._length} jobs")
        job = {}
        for name, values in reversed(self._axes):
            place, which = divmod(place, len(values))
            job[name] = values[which]
        return {name: job[name] for name, _ in self._axes}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = [name for name, _ in self._axes]
        return map(dict, map(zip, repeat(names), product(*(values for _, values in self._axes))))

    def __repr__(self) -> str:
        return f"grid({', '.join(f'{name}={values!r}' for name, values in self._axes)})"


def grid(**axes: Sequence[Any]) -> Grid:
    """Return the product of the given sequences as a lazy sequence of dictionaries.

    `grid(a=[1, 2], b=range(1000))` has 2,000 jobs, `{'a': 1, 'b': 0}` first, `{'a': 1, 'b': 1}` next.
    A text is no axis (write `['text']`), nor is an iterator, which can be walked only once: TypeError.
    """
    return Grid(axes)


def _axis(name: str, values: Any) -> Sequence[Any]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__getitem__") or not hasattr(values, "__len__"):
        raise TypeError(f"grid({name}=...): a list, tuple or range of values is needed, not {type(values).__name__}")
    return values  # type: ignore[no-any-return] # a sequence by what it can do: NumPy arrays count
