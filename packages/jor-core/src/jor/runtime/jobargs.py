"""`n=3, xs=[1, 2], tol=2**-10` <-> {'n': 3, 'xs': [1, 2], 'tol': 0.0009765625}.

A grammar of data: Python's syntax is used to read the text, nothing in it is ever evaluated.

    jobargs  = [ name "=" value { "," name "=" value } [ "," ] ]
    value    = number | text | bytes | "True" | "False" | "None"
             | "[" values "]" | "(" values ")" | "{" values "}" | "{" pairs "}"
             | ("+" | "-") value | value ("+" | "-" | "*" | "/" | "//" | "%" | "**") value     numbers only
             | "range(" value { "," value } ")"
"""

from __future__ import annotations

import ast
import operator
from typing import Any, Callable, Mapping

from ..errors import JobargsError

#: Longest text that is read, characters. Larger values belong into a file that the job module reads.
MAX_LENGTH = 100_000
#: Deepest nesting of brackets and operators.
MAX_DEPTH = 100
#: Largest whole number, bits: `9**9**9` is refused before it is computed.
MAX_BITS = 4096

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_REMEDY = "Write keyword arguments with plain values: n=3, method='pca', xs=[1, 2], steps=range(10)"


def parse(text: str) -> dict[str, Any]:
    """Return the keyword arguments that `text` lists. Raise JobargsError, with the column, for all else."""
    if len(text) > MAX_LENGTH:
        raise JobargsError(
            f"jobargs is {len(text):,} characters long, more than {MAX_LENGTH:,}",
            remedy="Put large values into a file that the job module reads",
        )
    try:
        # The line break lets the text end in a comment; the name _ stands for the constructor.
        # Python's parser answers nesting that would exhaust it with an error (tried: 3.8 to 3.13, MAX_LENGTH long).
        tree = ast.parse(f"_({text}\n)", mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _unreadable(text, error) from None
    call = tree.body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise JobargsError(f"{_shown(text)} is not a list of keyword arguments", remedy=_REMEDY)
    if call.args:
        raise _refused("a value without a name", call.args[0], text)
    arguments: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _refused("'**'", keyword.value, text)
        if keyword.arg in arguments:
            raise _refused(f"a second {keyword.arg!r}", keyword.value, text)
        try:
            arguments[keyword.arg] = _value(keyword.value, text, MAX_DEPTH)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise _refused(f"{keyword.arg} cannot be computed ({error})", keyword.value, text) from None
    return arguments


def render(arguments: Mapping[str, Any]) -> str:
    """Return `arguments` as text that `parse` reads back to equal values.

    Raise JobargsError for a value that the grammar cannot say (an object, a function).
    """
    return ", ".join(f"{name}={_text(value, name)}" for name, value in arguments.items())


def _value(node: Any, text: str, depth: int) -> Any:
    if depth == 0:
        raise _refused("nesting this deep", node, text)
    if isinstance(node, ast.Constant) and node.value is not Ellipsis:
        return _bounded(node.value)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [_value(item, text, depth - 1) for item in node.elts]
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](items)
    if isinstance(node, ast.Dict):
        pairs = [(key, item) for key, item in zip(node.keys, node.values) if key is not None]
        if len(pairs) == len(node.values):
            return {_value(key, text, depth - 1): _value(item, text, depth - 1) for key, item in pairs}
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_number(node.operand, text, depth))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _number(node.left, text, depth), _number(node.right, text, depth)
        return _compute(_BINARY[type(node.op)], left, right)
    if _is_range(node):
        return range(*(_number(argument, text, depth) for argument in node.args))
    raise _refused(_KINDS.get(type(node), "this"), node, text)


def _is_range(node: Any) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    return is_call and 1 <= len(node.args) <= 3 and not node.keywords


def _number(node: ast.AST, text: str, depth: int) -> Any:
    value = _value(node, text, depth - 1)
    if isinstance(value, bool) or not isinstance(value, (int, float, complex)):
        raise _refused("arithmetic on something that is no number", node, text)
    return value


def _compute(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    whole = isinstance(left, int) and isinstance(right, int)
    if operation is operator.pow and whole and right > 0 and left.bit_length() * right > 2 * MAX_BITS:
        raise ValueError("the number is too large")
    return _bounded(operation(left, right))


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("the number is too large")
    return value


#: What a refused piece of syntax is called.
_KINDS: dict[type, str] = {
    ast.Call: "a function call",
    ast.Attribute: "an attribute",
    ast.Name: "a name",
    ast.Subscript: "an index",
    ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string",
    ast.Starred: "'*'",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.IfExp: "a condition",
    ast.Compare: "a comparison",
    ast.BoolOp: "'and' or 'or'",
}


def _unreadable(text: str, error: BaseException) -> JobargsError:
    column = getattr(error, "offset", None) if "\n" not in text else None
    place = f", column {max(column - 2, 1)}" if column else ""
    return JobargsError(f"{_shown(text)} is not a list of keyword arguments{place}", remedy=_REMEDY)


def _refused(what: str, node: ast.AST, text: str) -> JobargsError:
    column = getattr(node, "col_offset", 1) - 1
    place = f" at column {column}" if getattr(node, "lineno", 1) == 1 else f" in line {getattr(node, 'lineno', 1)}"
    return JobargsError(f"{_shown(text)}: {what}{place} is not allowed: jobargs is data, not code", remedy=_REMEDY)


def _shown(text: str) -> str:
    return f"jobargs {text!r}" if len(text) <= 200 else f"jobargs {text[:80]!r}...{text[-40:]!r}"


def _text(value: Any, name: str) -> str:
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes, range):
        return repr(value)
    if kind is float:
        return _float_text(value)
    if kind is complex:
        return f"({_float_text(value.real)}+{_float_text(value.imag)}*1j)"
    if kind is list:
        return f"[{', '.join(_text(item, name) for item in value)}]"
    if kind is tuple:
        items = [_text(item, name) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if kind is set and value:
        return f"{{{', '.join(sorted(_text(item, name) for item in value))}}}"
    if kind is dict:
        return f"{{{', '.join(f'{_text(key, name)}: {_text(item, name)}' for key, item in value.items())}}}"
    raise JobargsError(f"the argument {name} holds {value!r:.100}, which is not plain data", remedy=_REMEDY)


def _float_text(value: float) -> str:
    # Python has no literal for these; arithmetic says them.
    if value != value:  # only nan differs from itself
        return "(1e999-1e999)"
    return {float("inf"): "1e999", float("-inf"): "-1e999"}.get(value, repr(value))
