"""Inputs that failed once, with a traceback or a hang, and others written to make the compiler fail."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.mutate import mutated, seeds
from tests.fuzz.oracle import compile_input

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("file", CORPUS, ids=[file.stem for file in CORPUS])
def test_an_input_of_the_corpus_ends_in_diagnostics(file: Path, tmp_path: Path) -> None:
    """Within 2 s of work and 500 MiB."""
    compile_input(tmp_path, file.read_bytes())


def test_mutated_inputs_end_in_diagnostics(tmp_path: Path) -> None:
    """The fuzzer's own mutations and promises, without its guidance."""
    random = Random(3)
    lent = [text.decode("utf-8", "replace") for text in seeds()]
    for _ in range(200):
        text = mutated(random.choice(lent), random, lent)
        compile_input(tmp_path, text.encode("utf-8", "surrogatepass"))
