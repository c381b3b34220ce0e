"""What was compiled before: the values of files in which nothing was wrong, by the digest of what is in the files.

It is a cache and nothing else. An entry belongs to the bytes of a file and to the code that compiled them, so that it cannot
outlive either; what is damaged, missing or cannot be kept is compiled as if there were no cache. Files with a template in
them are not kept: what they come to depends on more than themselves, and may be secret. Nor are those with documents about
the state, which have places that are not kept.

There is one file for each project, in `DECLARATIVE_CACHE_DIR`, or else in `declarative` below the folder that the system has
for caches, where a fresh checkout in the same place finds it. It is read as a whole and replaced as a whole, which needs no
lock; of two that write, the last one's stays. A line has the digest of a file and its documents as JSON, and the first line
the digests of the code and of all other lines.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pydantic
import pydantic_core
import yaml

from declarative import __started__, __version__
from declarative.model.value import FrozenMap, Value, from_json

VARIABLE = "DECLARATIVE_CACHE_DIR"
# Bytes of manifests. What is compiled in a moment is neither looked for nor kept.
WORTH = 65_536
# The file of a project goes when nobody has used it for so long.
DAYS = 30

_SUFFIX = ".manifests"
# A file of ours, whole or unfinished. The folder may be anybody's.
_NAME = re.compile(r"[0-9a-f]{32}\.manifests(\.\w+\.part)?")
# How much longer than a file its values may be: aliases can make them as long as they like.
_MOST_GROWTH = 4
# What the outcome depends on beside a file and the libraries: these packages of ours.
_OURS = ("kinds", "kinds/fields", "manifest", "model")


class Known(NamedTuple):
    """A document that was compiled before: where it begins in its file, counted from 1, and its value."""

    line: int
    column: int
    value: FrozenMap


class Cache:
    """What is known of the files of one project. As a context it writes what was learnt within, if it is worth that.

    Without a path it knows nothing and keeps nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._used: set[bytes] = set()
        self._learnt: dict[bytes, bytes] = {}
        self._size = 0

    @classmethod
    def of(cls, root: Path, files: Iterable[Path], environ: Mapping[str, str]) -> Cache:
        """The cache of the project in `root`, if these files are worth one."""
        folder = folder_of(root, environ) if _is_worth(files) and _code() else None
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
        return cls(folder / f"{name}{_SUFFIX}" if folder else None)

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._path is not None and self._size >= WORTH:
            with contextlib.suppress(OSError):
                _write(self._path, self._lines())
                _tidy(self._path.parent)

    def recall(self, data: bytes) -> tuple[Known, ...] | None:
        """The documents of a file with these bytes; None where they are not known."""
        digest = _digest(data)
        # A line that has been read is in the way: its values take enough memory.
        line = self._learnt.get(digest) or self._entries.pop(digest, None)
        if line is None:
            return None
        self._used.add(digest)
        with contextlib.suppress(ValueError):  # Python may be told to read shorter numbers than before
            return tuple(Known(*one) for one in from_json(line.decode()))
        return None

    def keep(self, data: bytes, documents: Sequence[Known]) -> None:
        """Takes down what the bytes of a file came to. Nothing in them was wrong, and there was no template in them."""
        digest = _digest(data)
        if self._path is None or digest in self._used or _is_inflated(data, documents):
            return
        # Half of a surrogate pair, as an escape can write it; or a number that is too long to be written.
        with contextlib.suppress(ValueError):
            self._learnt[digest] = json.dumps(documents, separators=(",", ":"), ensure_ascii=False).encode()
            self._size += len(data)

    @cached_property
    def _entries(self) -> dict[bytes, bytes]:
        """The lines that were not asked for yet, by digest."""
        return self._read()

    def _read(self) -> dict[bytes, bytes]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                header, body = file.readline(), file.read()
            os.utime(self._path)
        except OSError:
            return {}
        # A disk, too, can change a manifest.
        if header != b"%b\n" % _header(body):
            return {}
        return {line[:64]: line[65:] for line in body.split(b"\n") if line}

    def _lines(self) -> Iterator[bytes]:
        """All that is worth keeping: what nobody asked for is not, once it is more than what somebody did."""
        known = self._read() | self._learnt
        asked = {digest: line for digest, line in known.items() if digest in self._used or digest in self._learnt}
        others = {digest: line for digest, line in known.items() if digest not in asked}
        for digest, line in (asked | others if len(others) <= len(asked) else asked).items():
            yield b"%b %b\n" % (digest, line)


def folder_of(root: Path, environ: Mapping[str, str]) -> Path | None:
    """Where caches are; None where there shall be none: `DECLARATIVE_CACHE_DIR` is empty, or nobody knows a place."""
    if (given := environ.get(VARIABLE)) is not None:
        # pathlib's own fails where the user is unknown.
        return Path(root, os.path.expanduser(given)) if given else None  # noqa: PTH111
    if (home := Path(environ.get("XDG_CACHE_HOME", ""))).is_absolute():
        return home / "declarative"
    if not (user := environ.get("HOME")):
        return None
    return Path(user, "Library/Caches" if sys.platform == "darwin" else ".cache", "declarative")


def _is_worth(files: Iterable[Path]) -> bool:
    size = 0
    for file in files:
        with contextlib.suppress(OSError):
            size += file.stat().st_size
        if size >= WORTH:
            return True
    return False


def _is_inflated(data: bytes, documents: Iterable[Known]) -> bool:
    """Whether aliases make the values longer than it pays to keep."""
    return b"*" in data and sum(_length(one.value) for one in documents) > _MOST_GROWTH * len(data)


def _length(value: Value) -> int:
    """About how long the JSON of a value is."""
    if isinstance(value, dict):
        return sum(len(key) + _length(item) for key, item in value.items())
    return len(value) if isinstance(value, str) else 4 + sum(map(_length, value if isinstance(value, tuple) else ()))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _header(body: bytes) -> bytes:
    return b"%b %b" % (_code(), _digest(body))


@cache
def _code() -> bytes:
    """The digest of all code that a value comes from; empty where nobody can tell which code is running."""
    root = Path(__file__).parents[1]
    files = [file for name in _OURS for file in sorted((root / name).glob("*.py"))]
    try:
        # An installation without sources, or one that has been replaced since this process began.
        if not files or any(file.stat().st_ctime >= __started__ for file in files):
            return b""
        sources = [file.read_bytes() for file in files]
    except OSError:
        return b""
    libyaml = importlib.import_module("yaml._yaml").get_version_string() if yaml.__with_libyaml__ else ""
    running = (__version__, sys.version, pydantic.VERSION, pydantic_core.__version__, yaml.__version__, libyaml)
    return _digest(b"\0".join((repr(running).encode(), *sources)))


def _write(path: Path, lines: Iterator[bytes]) -> None:
    """Replaces a file, whatever happens meanwhile. Manifests are nobody else's business."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = b"".join(lines)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"%b\n%b" % (_header(body), body))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _tidy(folder: Path) -> None:
    """Removes what nobody has used for long, and what was never finished."""
    before = time.time() - DAYS * 86_400
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            if _NAME.fullmatch(file.name) and file.stat().st_mtime < before:
                file.unlink()
