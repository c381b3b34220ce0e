"""Whatever an author types, the compiler answers with diagnostics, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.manifest.files import ManifestFile
from declarative.manifest.rendered import OPENING
from declarative.manifest.template import Templates
from declarative.model.secret import Reference, Secret
from declarative.model.value import FrozenMap
from declarative.view.diagnostics import diagnostics_text
from declarative.view.style import Style
from tests.examples import examples
from tests.manifest.projects import HEAD, compiled_thrice
from tests.secrets import TEXT

SEED = (
    HEAD
    + """lifecycle: {preventDestroy: true}
dependsOn: [Training.other]
spec: &spec
  image: "nvcr.io/nvidia/pytorch:24.08-py3"
  args: |
    train.py --lr {{ var.rate }}
  compute: {gpuDevicesRequest: 1, gpuRequestType: portion, gpuPortionRequest: 0.5}
  environmentVariables:
    {% for name in var.names %}
    - {name: "{{ name }}", value: '{{ loop.index }}'}
    {% endfor %}
---
apiVersion: runai/v1
kind: Training
metadata: {name: other, project: vision, clusterId: 71f69d83-ba66-4822-adf5-55ce55efd210}
spec:
  <<: *spec
  tty: {{ true }} {# a comment #}
"""
)
PIECES = (
    "{{", "}}", "{%", "%}", "{#", "#}", "{{ var }}", "{{ nothing }}", "{% if x %}", "{% endif %}", "{% endfor %}",
    "{% for i in range(9) %}", "{% include 'a' %}", "{% macro m() %}", "{{ var.rate * 99 }}", "{{ '\\ud800' }}", "|upper",
    "{{ var.hostile }}", "{{ var.hostile | indent }}", "{{ var.hidden }}", "{{ secret('TOKEN') }}", "{{ secret('NONE') }}",
    "~ var.hidden", "{% set x %}", "{% endset %}", "{{ x }}", "{% call m() %}", "{% endcall %}", "{% filter indent %}",
    "{% endmacro %}", "{{ m() }}", "{{ caller() }}", "{% endfilter %}", "| tojson", "{{ var.names }}", "!!str ",
    "&a ", "*a", "<<: ", "!!set ", "!x ", "? ", "- ", ": ", "[", "]", "{", "}", "'", '"', "|\n", ">\n", "#", "\t", "\r",
    "\r\n", "\n", "\n---\n", "\n...\n", "%YAML 1.2\n", "\x00", "\ufdd0", "\ufdd00\ufdd1", "\u2028", "\x85", "\ufeff",
    "é", "😀", "1e3", "0x1F", ".nan", "-.inf", "0o9", "~", "null", "true", "9" * 50, "[" * 30, "- " * 30, "null: ",
)  # fmt: skip

VARIABLES = FrozenMap(
    {
        "rate": 0.1,
        "names": ("A", "B"),
        "hostile": "a: [b\n- c # d\n---\n{{ 1 }}",
        "hidden": Secret((Reference("variable", "hidden"),), TEXT, (TEXT,)),
    }
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The seed with some stretches cut out, doubled, or replaced by a piece."""
    text = SEED
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from((0, 0, 0, 1, 3, 20))))
        middle = draw(
            st.one_of(st.sampled_from(PIECES), st.just(""), st.just(text[start:end] * 2), st.text(max_size=5))
        )
        text = text[:start] + middle + text[end:]
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def compile_soon(folder: Path, data: bytes) -> None:
    """Compiles and shows what is wrong; within 6 s of work for three times (a busy machine may take longer), and with a place for everything."""
    file = folder / "a.yaml"
    file.write_bytes(data)
    began = time.process_time()
    templates = Templates(folder, VARIABLES, None, {"TOKEN": TEXT}.get)
    result = compiled_thrice((ManifestFile(file, "a.yaml"),), templates, folder)
    told = " ".join(word for one in result.diagnostics for word in (str(one), str(one.hint), *one.notes))
    assert TEXT not in told
    assert OPENING not in told
    assert all(one.where is not None and one.detail for one in result.diagnostics)
    text = data.decode("utf-8-sig", "replace")
    assert diagnostics_text(result.diagnostics, Style(), lambda _: text) or not result.diagnostics
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(1 <= one.where.line <= lines for one in result.diagnostics if one.where)
    assert time.process_time() - began < 6


@settings(max_examples=examples(150, "FUZZ_EXAMPLES"))
@given(text=mutated())
def test_a_mutated_manifest_ends_in_diagnostics(folder: Path, text: str) -> None:
    """No traceback, no hang, and every finding has a line that exists."""
    compile_soon(folder, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=examples(100))
@given(data=st.binary(max_size=200))
def test_bytes_end_in_diagnostics(folder: Path, data: bytes) -> None:
    """Files that are no text at all are findings, too."""
    compile_soon(folder, data)
