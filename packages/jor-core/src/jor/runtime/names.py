"""The text of a parameter in a default output name: the same in every process, of any Python and any NumPy.

Most values have it by `format`. Others have another text by the order in a hash table (sets), by the version of Python
(members of an Enum, OrderedDict) or of NumPy (its scalars within a list), or by an address in memory.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict, deque
from enum import Enum, Flag
from types import FunctionType, SimpleNamespace
from typing import Any, Callable, Iterable, Mapping

from ..errors import JobModuleError

#: Types whose values have the same text everywhere.
PLAIN = frozenset((str, int, float, bool, type(None)))
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def name_part(name: str, value: Any) -> str:
    """Return the text of a parameter that is not PLAIN. Raise JobModuleError for a value that has none of its own."""
    found = text(value)
    if not isinstance(value, str) and _ADDRESS.search(found):
        raise JobModuleError(
            f"the parameter {name} has no text that is the same in every process: {found:.100}",
            remedy="Let it be a name or a number; or write a method _get_output_fname that leaves it out",
        )
    return found


def former_name(job: Mapping[str, Any], suffix: str) -> str:
    """Return the name that jor 0.2.0 and before gave: for some values another one in other processes."""
    return "_".join(f"{key}{value}" for key, value in job.items()) + f".{suffix}"


def text(value: Any) -> str:
    """Return what `format` says of a value, but the same everywhere, as far as it can be."""
    if isinstance(value, Enum):
        return _member(value)
    if getattr(value, "dtype", None) == "O" and hasattr(value, "tolist"):
        return _array(value.tolist())
    return text_within(value) if _is_container(value) else f"{value}"


def text_within(value: Any) -> str:
    """Return what `repr` says of a value, but the same everywhere, as far as it can be."""
    try:
        return _within(value)
    except RecursionError:
        return repr(value)  # it holds itself


def _within(value: Any) -> str:
    kind = type(value)
    if isinstance(value, Enum):
        return repr(value) if _is_own(kind.__repr__) else _member_within(value)
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](value)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _fields(kind, zip(kind._fields, value))
    if _is_set(kind):
        return f"{kind.__name__}({_set(value) if value else ''})"
    if _is_dataclass(kind):
        fields = kind.__dataclass_fields__.values()
        return _fields(kind, ((field.name, getattr(value, field.name)) for field in fields if field.repr))
    if kind.__module__ == "numpy" and hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        return _numpy_scalar(value)
    return repr(value)


def _is_container(value: Any) -> bool:
    kind = type(value)
    return (
        kind in _CONTAINERS
        or _is_set(kind)
        or (isinstance(value, tuple) and hasattr(kind, "_fields"))
        or _is_dataclass(kind)
    )


def _is_set(kind: Any) -> bool:
    """Tell whether a class is one made from set or frozenset, with their texts."""
    return kind.__repr__ in (set.__repr__, frozenset.__repr__) and kind.__str__ is object.__str__


def _is_dataclass(kind: Any) -> bool:
    """Tell whether a class is a dataclass with the `repr` that dataclasses make."""
    return hasattr(kind, "__dataclass_fields__") and hasattr(kind.__repr__, "__wrapped__")


def _is_own(method: Any) -> bool:
    """Tell whether somebody has written this method of an Enum."""
    return isinstance(method, FunctionType) and method.__module__ != "enum"


def _member(member: Any) -> str:
    kind = type(member)
    if _is_own(kind.__str__) or _is_own(kind.__format__):
        return f"{member}"
    if kind._member_type_ is not object:
        return text(member._value_)  # as up to Python 3.10, and as of IntEnum and StrEnum
    name = _member_name(member)
    return f"{kind.__name__}.{name}" if name else f"{kind.__name__}({member._value_!r})"


def _member_within(member: Any) -> str:
    name = _member_name(member)
    return f"<{type(member).__name__}{name and '.'}{name}: {_within(member._value_)}>"


def _member_name(member: Any) -> str:
    """Return the name of a member; of flags together the names of all, '' if there are bits without a name."""
    if member._name_ and "|" not in member._name_:
        return str(member._name_)
    if not isinstance(member, Flag):
        return ""
    single = [one for one in type(member).__members__.values() if one._value_ & (one._value_ - 1) == 0]
    inside = {one._value_: one._name_ for one in single if one._value_ & member._value_}
    return "|".join(map(str, inside.values())) if sum(inside) == member._value_ else ""


def _numpy_scalar(value: Any) -> str:
    """Return its `repr` as up to NumPy 1.26."""
    if isinstance(value, (str, bytes)):
        return repr(value.item())  # type: ignore[union-attr] # NumPy's str_ and bytes_
    if value.dtype.kind in "mM":
        return repr(value).replace("np.", "numpy.", 1) if repr(value).startswith("np.") else repr(value)
    return str(value)


def _array(values: Any) -> str:
    """Return an array of objects as NumPy prints it, without line breaks."""
    return f"[{' '.join(map(_array, values))}]" if isinstance(values, list) else _within(values)


def _fields(kind: Any, fields: Iterable[Any]) -> str:
    name = kind.__qualname__ if hasattr(kind, "__dataclass_fields__") else kind.__name__
    return f"{name}({', '.join(f'{field}={_within(value)}' for field, value in fields)})"


def _dict(value: Mapping[Any, Any]) -> str:
    return "{" + ", ".join(f"{_within(key)}: {_within(one)}" for key, one in value.items()) + "}"


def _ordered_dict(value: Mapping[Any, Any]) -> str:
    return f"OrderedDict({_list([*value.items()]) if value else ''})"  # as up to Python 3.11


def _list(value: Iterable[Any]) -> str:
    return f"[{', '.join(map(_within, value))}]"


def _tuple(value: tuple[Any, ...]) -> str:
    return f"({', '.join(map(_within, value))}{',' * (len(value) == 1)})"


def _set(value: Iterable[Any]) -> str:
    if {int, float, bool}.issuperset(map(type, value)):
        return repr({*sorted(value)})  # their hashes are the same everywhere: the order is kept that names had
    return "{" + ", ".join(sorted(map(_within, value))) + "}"


def _deque(value: Any) -> str:
    return f"deque({_list(value)}{'' if value.maxlen is None else f', maxlen={value.maxlen}'})"


_CONTAINERS: dict[type, Callable[[Any], str]] = {
    dict: _dict,
    OrderedDict: _ordered_dict,
    list: _list,
    tuple: _tuple,
    deque: _deque,
    defaultdict: lambda value: f"defaultdict({value.default_factory!r}, {_dict(value)})",
    SimpleNamespace: lambda value: f"namespace({', '.join(f'{k}={_within(v)}' for k, v in vars(value).items())})",
    set: lambda value: _set(value) if value else "set()",
    frozenset: lambda value: f"frozenset({_set(value) if value else ''})",
}
