"""Files appear whole or not at all.

A file is written beside its place and renamed. What exists and is no regular file (a pipe, a device) is written directly and never
replaced.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sim.errors import BadOutput

__all__ = ["check", "check_all", "check_folder", "emit", "note", "stream", "write"]

_BLOCK: Final = 500  # lines written at a time


def check(path: str) -> None:
    """Complain now if a file cannot be written later. `-` is standard output."""
    if path == "-":
        return
    target = Path(path)
    # os.path says "no" where a folder may not be entered; pathlib raises
    if os.path.isdir(target):
        raise BadOutput(path, "is a directory; name a file")
    folder = target.parent
    if not os.path.isdir(folder):
        raise BadOutput(path, f"cannot be written: {folder} is no directory")
    there, regular = os.path.exists(target), os.path.isfile(target)
    if not os.access(target if there and not regular else folder, os.W_OK):
        raise BadOutput(path, "cannot be written: permission denied")
    if not there:
        probe = _beside(target)
        try:
            probe.write_bytes(b"")
        except OSError as error:
            raise BadOutput(path, f"cannot be written: {_reason(error)}") from None
        finally:
            probe.unlink(missing_ok=True)


def check_folder(path: str) -> None:
    """Make a folder now, or complain."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise BadOutput(path, "is a file; name a directory") from None
    except OSError as error:
        raise BadOutput(path, f"cannot be made: {_reason(error)}") from None
    check(str(Path(path) / "answer.txt"))


def check_all(*files: str, folder: str = "") -> None:
    """Complain now of any of these files, and of the folder, that cannot be written later; what was not asked for is empty."""
    for path in filter(None, files):
        check(path)
    if folder:
        check_folder(folder)


def write(path: str, content: str | bytes) -> None:
    """Write a file, whole or not at all."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path == "-":
        emit(content if isinstance(content, str) else content.decode("utf-8"))
        return
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                file.write(data)
            return
        beside = _beside(target)
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BadOutput(path, f"cannot be written: {_reason(error)}") from None


def stream(path: str, lines: Iterable[str]) -> None:
    """Write lines as they come; a file appears whole or not at all."""
    blocks = iter(lines)
    if path == "-" or (os.path.exists(path) and not os.path.isfile(path)):
        while block := list(itertools.islice(blocks, _BLOCK)):
            write(path, "\n".join(block) + "\n")
        return
    beside = _beside(Path(path))
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in blocks)
        beside.replace(path)
    except OSError as error:
        raise BadOutput(path, f"cannot be written: {_reason(error)}") from None
    finally:
        beside.unlink(missing_ok=True)


def emit(text: str) -> None:
    """Print to standard output; a full disk behind it is bad output, a closed pipe is not."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except UnicodeEncodeError:
        sys.stdout.buffer.write((text if text.endswith("\n") else text + "\n").encode("utf-8"))
        sys.stdout.flush()
    except OSError as error:
        raise BadOutput("standard output", f"cannot be written: {_reason(error)}") from None


def note(text: str) -> None:
    """Say on standard error what belongs to this call and not to the result: files written, what to try next."""
    sys.stderr.write(text + "\n")


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
