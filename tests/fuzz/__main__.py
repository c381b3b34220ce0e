"""`make fuzz SECONDS=60`: mutated manifests, guided by the coverage of the compiler.

What fails is written to `--into`, one file a failure, and ends the command with 1. Needs atheris (`pip install '.[fuzz]'`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import traceback
from importlib.util import find_spec
from pathlib import Path
from random import Random

# Code that counts its own coverage takes so many times as long.
_SLOWER = 3


class Failures:
    """The first input of each failure. Failures are the same when they end in the same line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Path] = {}

    def add(self, data: bytes, error: BaseException) -> None:
        line = traceback.extract_tb(error.__traceback__)[-1]
        cause = f"{type(error).__name__} at {line.filename}:{line.lineno}"
        if cause not in self.known:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.known[cause] = self.folder / f"{hashlib.sha256(data).hexdigest()[:12]}.yaml"
            self.known[cause].write_bytes(data)
            print(f"FAILED {self.known[cause]}: {cause}: {str(error)[:300]}", flush=True)


def main() -> int:
    """Runs the fuzzer for so many seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, default=Path("build/fuzz"))
    chosen = parser.parse_args()
    if find_spec("atheris") is None:
        print("skipped: atheris is not installed (pip install '.[fuzz]'; it is there for Linux and macOS)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        # libFuzzer ends its process by itself.
        if not (child := os.fork()):
            _fuzz(Path(folder), chosen.seconds, chosen.seed, Failures(chosen.into))
        _, status = os.waitpid(child, 0)
    found = len(list(chosen.into.glob("*.yaml")))
    print(f"{found} failures" + (f" in {chosen.into}" if found else ""))
    return 1 if found or status else 0


def _fuzz(folder: Path, seconds: int, seed: int, failures: Failures) -> None:
    import atheris

    with atheris.instrument_imports(include=["declarative", "jinja2.lexer", "jinja2.parser"]):
        from tests.fuzz.mutate import mutated, seeds
        from tests.fuzz.oracle import SECONDS, compile_input
    known = seeds()
    lent = [text.decode("utf-8", "replace") for text in known]
    work, corpus = folder / "work", folder / "corpus"
    work.mkdir()
    corpus.mkdir()
    for number, text in enumerate(known):
        (corpus / str(number)).write_bytes(text)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.05:
            return bytes(atheris.Mutate(data, most))
        return mutated(data.decode("utf-8", "replace"), random, lent).encode("utf-8", "surrogatepass")[:most]

    def one_input(data: bytes) -> None:
        try:
            compile_input(work, data, _SLOWER * SECONDS)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is a finding)
            failures.add(data, error)

    limits = (
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-max_len=6000",
        "-rss_limit_mb=0",
        "-timeout=60",
        "-verbosity=0",
    )
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", str(corpus)], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
