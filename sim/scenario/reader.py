"""From a scenario file to a checked document: find, read, override, complain.

A value may be written plain, or as a table that also says where it comes from: `{ value = "25 %", low = "2 %", high = "46 %",
source = "two sites' logs" }`. A value with low and high counts as assumed; a plain one is a fact of the site.
"""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sim.errors import BadInput, nearest
from sim.profiles import Tag
from sim.scenario.schema import Document

__all__ = [
    "NAME",
    "Origin",
    "assign",
    "check",
    "fields",
    "find",
    "generic",
    "kind",
    "known",
    "lesson",
    "parse",
    "parsed",
    "plain",
    "shipped",
    "split",
    "written",
]

NAME: Final = "NAME"  # stands for the name of a table that a scenario names itself
_LARGEST = 1_000_000  # bytes of a scenario file


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was given, and what was said of it."""

    source: str
    tag: Tag = Tag.SITE
    low: object = None
    high: object = None


def shipped() -> Path:
    """The folder of the scenarios that travel with the package: in a wheel inside it, in a checkout beside it."""
    inside = Path(__file__).parent.parent / "shipped"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "scenarios"


def find(name: str) -> Path:
    """A path, a name in ./scenarios, or a shipped name, in this order."""
    path = Path(name)
    if path.suffix == ".toml" or os.path.exists(path) or len(path.parts) > 1:
        return path
    for folder in (Path("scenarios"), shipped()):
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    raise BadInput("scenario", f"{name!r} is neither a file nor one of {', '.join(known())}{nearest(name, known())}")


def parse(path: Path) -> dict[str, Any]:
    """The TOML document of a file."""
    try:
        if path.is_dir():
            raise BadInput(str(path), "is a directory; a scenario is a TOML file")
        if path.stat().st_size > _LARGEST:
            raise BadInput(str(path), f"has {path.stat().st_size:,} bytes; a scenario has at most {_LARGEST:,}")
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"is not text in UTF-8 (byte {error.start + 1}); a scenario is a TOML file") from None
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    return parsed(text, str(path))


def parsed(text: str, file: str) -> dict[str, Any]:
    """The TOML document of a text; `file` is named where it is none."""
    if not text.strip():
        raise BadInput(file, 'is empty; a scenario begins with title = "..."')
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        what = str(error).split(" (at ")[0]
        where = f"{file}:{match[1]}" if match else file
        raise BadInput(where, f"is not TOML: {what[:1].lower()}{what[1:]}") from None
    except RecursionError:
        raise BadInput(file, "is not TOML: nested too deeply") from None


def split(document: Mapping[str, Any], file: str) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Take the `{ value = ... }` tables apart: plain values, and the origin of every key that the file gives."""
    origins: dict[str, Origin] = {}

    def walk(node: Any, key: str) -> Any:
        if isinstance(node, dict) and "value" in node:
            unknown = set(node) - {"value", "low", "high", "source"}
            if unknown:
                raise BadInput(f"{file}: {key}", f"{min(unknown)!r} is not one of value, low, high, source")
            if ("low" in node) != ("high" in node):
                raise BadInput(f"{file}: {key}", "has one of low and high; an assumed value has both")
            assumed = "low" in node
            source = str(node.get("source", f"assumed in {file}" if assumed else f"given in {file}"))
            origins[key] = Origin(source, Tag.ASSUMED if assumed else Tag.SITE, node.get("low"), node.get("high"))
            return node["value"]
        if isinstance(node, dict):
            return {name: walk(value, f"{key}.{name}" if key else name) for name, value in node.items()}
        if isinstance(node, list) and any(isinstance(item, dict) for item in node):
            return [walk(item, f"{key}[{n}]") for n, item in enumerate(node, start=1)]
        origins[key] = Origin(f"given in {file}")
        return node

    plain: dict[str, Any] = walk(dict(document), "")
    return plain, origins


def check(plain: Mapping[str, Any], file: str) -> Document:
    """The checked document, or BadInput for the first thing that is wrong."""
    try:
        return Document.model_validate(plain)
    except ValidationError as error:
        raise BadInput(*_complaint(error, file)) from None


def _complaint(error: ValidationError, file: str) -> tuple[str, str]:
    first = error.errors(include_url=False)[0]
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    parent, _, last = key.rpartition(".")
    if first["type"] == "extra_forbidden":
        known = _names(parent)
        table = f"of [{parent}]" if parent else "of a scenario"
        text = f"{last!r} is not a key {table}{nearest(last, known) or ': known are ' + ', '.join(known)}"
        key = parent or "top level"
    elif first["type"] == "missing":
        meaning = fields().get(generic(key), ("", None))[0]
        text = f"is missing: {meaning or 'it must be given'}"
    elif first["type"] == "value_error":
        text = first["msg"].removeprefix("Value error, ")
    else:
        message = first["msg"].removeprefix("Input should be ")
        found = repr(first["input"])
        text = f"{found if len(found) <= 60 else found[:57] + '...'} should be {message[:1].lower()}{message[1:]}"
    more = error.error_count() - 1
    return f"{file}: {key}" if key else file, text + (f" (and {more} more)" if more else "")


@cache
def fields() -> dict[str, tuple[str, Any]]:
    """Every key of a scenario file to its meaning and pydantic field; members of a list of tables as `absence[].who`, of tables with
    names as `policy.NAME.audience`."""
    found: dict[str, tuple[str, Any]] = {}

    def walk(model: type[BaseModel], prefix: str) -> None:
        for name, info in model.model_fields.items():
            key = prefix + str(info.validation_alias or name)
            inner = _model(info.annotation)
            if inner is None:
                found[key] = (info.description or "", info)
            else:
                many = {"list": f"{key}[].", "dict": f"{key}.{NAME}."}
                walk(inner, many.get(str(info.annotation)[:4], f"{key}."))

    walk(Document, "")
    return found


def _model(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def generic(key: str) -> str:
    """A key as `fields` names it: `change[2].at` to `change[].at`, `policy.polite.audience` to `policy.NAME.audience`."""
    return re.sub(r"^policy\.[^.]+", f"policy.{NAME}", re.sub(r"\[\d*\]", "[]", key))


def _names(table: str) -> list[str]:
    """The keys that a table may hold."""
    prefix = generic(table) + "." if table else ""
    return sorted({key[len(prefix) :].split(".")[0].removesuffix("[]") for key in fields() if key.startswith(prefix)})


def assign(plain: dict[str, Any], origins: dict[str, Origin], setting: str, where: str) -> None:
    """Apply one `key=value` to the plain document, in place."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals or not key:
        raise BadInput(where, f"{setting!r} is not key=value, as in 'spam.unresolvable=5 %'")
    name = generic(key)
    known = fields()
    if name not in known and not name.startswith("spam.mailboxes."):
        settable = [name for name in known if "[]" not in name] + ["spam.mailboxes.NAME"]
        raise BadInput(where, f"{key!r} is not a key of a scenario{nearest(key, settable)}; `mailflow show schema` lists them")
    value = written(text)
    if name in known and "bool" in str(known[name][1].annotation):
        value = {"yes": True, "no": False}.get(str(value), value)  # as `plain` writes them
    node: Any = plain
    *path, last = list(_steps(key))
    for step in path:
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                raise BadInput(where, f"{key!r}: there is no [{step + 1}]; the scenario has {len(node)}")
            node = node[step]
        else:
            node = node.setdefault(step, {})
    node[last] = value
    origins[key] = Origin(f"given with {where}")


def written(text: str) -> Any:
    """A value from the command line as it would stand in a file; what is no TOML is a text, so that `5 %` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _steps(key: str) -> Iterator[str | int]:
    for part in key.split("."):
        name, _, index = part.partition("[")
        yield name
        if index:
            yield int(index.rstrip("]")) - 1


def plain(value: object) -> str:
    """An input's value as prose shows it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def kind(info: Any) -> str:
    """The type of a key, as a person says it."""
    text = str(info.annotation)
    names = {
        "Expected": "table of limits by measure",
        "dict": "table of values by person",
        "list": "list",
        "Literal": "one of " + ", ".join(map(str, _choices(info.annotation))),
    }
    found = next((name for start, name in names.items() if start in text), "")
    if found:
        return found
    parse = {"Share": "share, as in '42 %'", "Duration": "duration, as in '10 min'", "Rate": "rate, as in '50/mailbox/day'"}
    unit = (info.json_schema_extra or {}).get("unit", "")
    return next(
        (words for word, words in parse.items() if word.lower() == {"share": "share", "s": "duration", "1/s": "rate"}.get(unit)), ""
    ) or ("yes or no" if "bool" in text else "number" if "int" in text or "float" in text else "text")


def _choices(annotation: Any) -> tuple[object, ...]:
    """The words of a Literal, or of one that may be left out."""
    found = next((part for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal), annotation)
    return get_args(found)


def known() -> list[str]:
    """Names of scenarios in ./scenarios and of those shipped."""
    return sorted({path.stem for folder in (Path("scenarios"), shipped()) for path in folder.glob("*.toml")})


def lesson(path: Path) -> str:
    """What a scenario teaches: the comment at the top of its file, in one line; empty where there is none."""
    lines = itertools.takewhile(lambda line: re.match(r"#\s*\S", line), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.lstrip("#").strip() for line in lines)
