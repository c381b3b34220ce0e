"""What has to hold for whatever an author types."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Mapping
from pathlib import Path

from declarative.diagnostics import Diagnostic
from declarative.manifest.compile import Compiled, compile_files
from declarative.manifest.files import ManifestFile
from declarative.manifest.template import Templates
from declarative.model.secret import Reference, Secret
from declarative.model.value import FrozenMap, canonical
from declarative.view.diagnostics import diagnostics_text
from declarative.view.style import Style

# The line behind which the second file of an input begins.
SECOND = b"\n#=== b.yaml ===\n"
# Of processor time, and of resident memory beside what the process had before.
SECONDS = 2
MEBIBYTES = 500
_TEXTS = ("tok-qZ7Jx2Vw9", "key-wX4Kp8Nd3", "map-hB6Rf5Ts1")


def _sensitive(text: str, name: str, *path: str) -> Secret:
    return Secret((Reference("variable", name, path),), text, (text,))


VARIABLES = FrozenMap(
    {
        "rate": 0.1,
        "gpus": 8,
        "flag": True,
        "text": "plain",
        "nasty": "a: [b\n- #c",
        "names": ("A", "B", "C"),
        "net": FrozenMap({"depth": 50, "items": (1, 2)}),
        "key": _sensitive(_TEXTS[1], "key"),
        "keys": FrozenMap({"a": _sensitive(_TEXTS[2], "keys", "a"), "b": _sensitive("7", "keys", "b")}),
    }
)


def compile_input(folder: Path, data: bytes, seconds: float = SECONDS) -> None:
    """Compiles an input, one or two files, in `folder`; AssertionError where a promise is broken."""
    first, _, second = data.partition(SECOND)
    texts = {"a.yaml": first, "b.yaml": second}
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    began, before = time.process_time(), _resident()
    files = tuple(ManifestFile(folder / name, name) for name, text in texts.items() if text)
    result = compile_files(files, Templates(folder, VARIABLES, "prod", {"TOKEN": _TEXTS[0]}.get))
    took, grew = time.process_time() - began, _most_resident() - before
    assert took < seconds, f"took {took:.1f} s"
    assert grew < MEBIBYTES, f"took {grew:.0f} MiB"
    _check(result, {name: text.decode("utf-8-sig", "replace") for name, text in texts.items()})


def _check(result: Compiled, texts: Mapping[str, str]) -> None:
    for one in result.diagnostics:
        _check_place(one, texts)
    told = diagnostics_text(result.diagnostics, Style(), texts.get)
    assert bool(told) == bool(result.diagnostics)
    shown = [told, *map(repr, result.diagnostics)]
    for resource_ in result.resources:
        shown += [repr(resource_), canonical(resource_.body)]
    for resource_ in result.resources[:3]:
        assert result.locate(resource_, ("spec",)).file in texts
    typed = "".join(texts.values())
    for secret in _TEXTS:
        assert secret in typed or not any(secret.lower() in one.lower() for one in shown), "a secret is shown"


def _check_place(one: Diagnostic, texts: Mapping[str, str]) -> None:
    """Every finding says something of a place that an editor can go to."""
    assert one.detail, one
    assert one.where is not None, one
    assert one.where.file in texts, one
    text = texts[one.where.file]
    # Jinja takes a carriage return for the end of a line; YAML's own positions count newlines.
    for lines in (re.split("\r\n?|\n", text), text.split("\n")):
        if 1 <= one.where.line <= len(lines) and 1 <= one.where.column <= len(lines[one.where.line - 1]) + 1:
            return
    raise AssertionError(f"no such place: {one}")


def _resident() -> float:
    """MiB that the process has now; the most that it had is counted from here on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _most_resident() -> float:
    return _status("VmHWM")


def _status(field: str) -> float:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:  # not Linux: the most of the whole life of the process
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(text.split(f"{field}:", 1)[1].split(None, 1)[0]) / 1024
