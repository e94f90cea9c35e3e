"""What a policy that is a Python function decides by, as far as text can tell: so that a changed function is seen to be another one.

That is its own text, that of the functions and classes of its own which it names, and the plain constants among them. Where there is more,
nobody can say later whether it is still the same function, and it is refused.
"""

from __future__ import annotations

import enum
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Final

from sim.policy.own import Function

__all__ = ["Unclear", "text"]

_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None), enum.Enum)


class Unclear(Exception):
    """Why a function cannot be told from one that decides otherwise."""


def text(function: Function) -> str:
    """All that a function decides by. Raises Unclear."""
    return "\n".join(_parts(getattr(function, "__name__", "it"), function, set()))


def _parts(name: str, what: object, seen: set[types.FunctionType]) -> Iterator[str]:
    """A name with its value, and whatever that names in turn."""
    if isinstance(what, types.ModuleType):
        yield f"{name} = module {what.__name__}"
    elif isinstance(what, _PLAIN):
        yield f"{name} = {what!r}"
    elif isinstance(what, tuple):
        yield f"{name} = tuple of {len(what)}"
        for item in what:
            yield from _parts(name, item, seen)
    elif isinstance(what, type | types.FunctionType) and _known_by_version(what.__module__):
        yield f"{name} = {what.__module__}.{what.__qualname__}"
    elif isinstance(what, type):
        yield _source(name, what)
    elif isinstance(what, types.FunctionType):
        if what.__closure__:
            raise Unclear(f"{name} uses what a function around it holds ({', '.join(what.__code__.co_freevars)})")
        if what in seen:
            return
        seen.add(what)
        yield _source(name, what)
        for default in (*(what.__defaults__ or ()), *(what.__kwdefaults__ or {}).values()):
            yield from _parts("a default", default, seen)
        for used in _names(what.__code__):
            if used in what.__globals__:
                yield from _parts(used, what.__globals__[used], seen)
    elif isinstance(what, types.BuiltinFunctionType) and isinstance(what.__self__, types.ModuleType):
        yield f"{name} = {what.__module__}.{what.__qualname__}"
    else:
        raise Unclear(f"{name} is a {type(what).__name__}, which may change")


def _known_by_version(module: str) -> bool:
    """Is it Python's own, or ours, whose versions are part of the key?"""
    return module.partition(".")[0] in (*sys.stdlib_module_names, "sim") and module != "__main__"


def _names(code: types.CodeType) -> list[str]:
    """Global names that code may use, and code within it."""
    inner = [name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _names(constant)]
    return sorted({*code.co_names, *inner})


def _source(name: str, what: types.FunctionType | type) -> str:
    try:
        return inspect.getsource(what)
    except (OSError, TypeError):
        raise Unclear(f"the text of {name} cannot be read") from None
