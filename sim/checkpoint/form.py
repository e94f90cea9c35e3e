"""One replication as a file: compressed JSON, its numbers exact, with the key it was kept under.

gzip's own check sum and length tell a file that is damaged or cut short; the key, one that stands under a wrong name.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.measures import Summary, Values

__all__ = ["Damaged", "Key", "Result", "packed", "unpacked"]

Key = Mapping[str, object]
Result = dict[str, Summary]


class Damaged(Exception):
    """A file that was not written by `packed`, or not to its end."""


def packed(key: Key, result: Result) -> bytes:
    """The content of a file. Floats are written so that they read back to the last bit; NaN and infinity are JavaScript's."""
    runs = {
        name: {
            "measures": dict(run.measures),
            "curves": {curve: values.tolist() for curve, values in run.curves.items()},
            "alert_at": run.alert_at,
            "answers": run.answers,
        }
        for name, run in result.items()
    }
    text = json.dumps({"key": key, "runs": runs}, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def unpacked(key: Key, content: bytes) -> Result:
    """What was packed under this key; Damaged where it is not whole, or of another key."""
    try:
        found: Any = json.loads(gzip.decompress(content))
        if found["key"] != key:
            raise Damaged("holds another replication")
        return {
            name: Summary(
                measures=Values(run["measures"]),
                curves={curve: np.array(values, dtype=np.float64) for curve, values in run["curves"].items()},
                alert_at=run["alert_at"],
                answers=run["answers"],
            )
            for name, run in found["runs"].items()
        }
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError):
        raise Damaged("is damaged or cut short") from None
