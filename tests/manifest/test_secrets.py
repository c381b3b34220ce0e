"""Secrets in templates: written out, and nothing else; their text is in nothing that the compiler says."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from declarative.diagnostics import Diagnostic
from declarative.errors import ProjectError
from declarative.manifest.template import Templates
from declarative.model.secret import MASK, Secret, hidden_in, hides
from declarative.model.value import FrozenMap, masked, revealed
from tests.manifest.projects import HEAD, compiled, findings, problems, value_of
from tests.secrets import TEXT, secret

VARIABLES = FrozenMap(
    {"key": secret(name="key"), "keys": (secret(), "b"), "map": FrozenMap({"k": secret()}), "number": secret("4711")}
)


def templates() -> Templates:
    return Templates(Path(), VARIABLES, None, {"TOKEN": TEXT, "EMPTY": ""}.get)


def words(*found: Diagnostic) -> str:
    return " ".join(f"{one!r} {one} {one.hint} {one.notes}" for one in found)


WRITTEN = [
    ("{{ secret('TOKEN') }}", TEXT),
    ("'{{ secret('TOKEN') }}'", TEXT),
    ("|-\n  {{ secret('TOKEN') }}", TEXT),
    ("Bearer {{ secret('TOKEN') }}", f"Bearer {TEXT}"),
    ("{{ secret('TOKEN') }}:{{ secret('TOKEN') }}", f"{TEXT}:{TEXT}"),
    ("{{ 'a' ~ secret('TOKEN') ~ 1 }}", f"a{TEXT}1"),
    ("{{ 'a' + secret('TOKEN') }}", f"a{TEXT}"),
    ("{{ secret('TOKEN') | indent(2) }}", TEXT),
    ("{{ secret('TOKEN') | tojson }}", TEXT),
    ("{{ secret('TOKEN') | default('x') }}", TEXT),
    ("{{ secret('NONE') | default(var.key) }}", TEXT),
    ("{{ var.key }}", TEXT),
    ("{{ var.keys[0] }}", TEXT),
    ("{{ var.map.k }}", TEXT),
    ("{{ var.keys }}", (TEXT, "b")),
    ("{{ var.map }}", {"k": TEXT}),
    ("{{ [secret('TOKEN')] }}", (TEXT,)),
    ("{{ {'a': secret('TOKEN')} | tojson }}", {"a": TEXT}),
    ("{% set s = secret('TOKEN') %}{{ s }}", TEXT),
    ("{% set s %}{k: '{{ secret('TOKEN') }}'}{% endset %}{{ s }}", {"k": TEXT}),
    ("{% macro m(x) %}[{{ x }}, c]{% endmacro %}{{ m(secret('TOKEN')) }}", (TEXT, "c")),
    ("[{% for s in [secret('TOKEN'), var.key] %}'{{ s }}',{% endfor %}]", (TEXT, TEXT)),
    ("x  # {{ secret('TOKEN') }}", "x"),
]


@pytest.mark.parametrize(("template", "expected"), WRITTEN)
def test_a_secret_is_written_out_as_it_is(template: str, expected: object) -> None:
    """Alone, in other text, in lists, macros, blocks and loops: it stays a secret, and its text is what is sent."""
    found = value_of(templates(), f"a: {template}\n")["a"]
    assert revealed(found) == expected
    assert TEXT not in f"{found!r} {found} {masked(found)}"
    assert hides(found) or expected == "x"


@pytest.mark.parametrize(
    "expression",
    [
        "secret('TOKEN').value", "secret('TOKEN').pieces", "secret('TOKEN')['pieces']", "secret('TOKEN').pieces[0].value",
        "secret('TOKEN').__class__", "secret('TOKEN').__str__()", "secret('TOKEN') | attr('pieces')", "secret('TOKEN') | string",
        "'%s' % secret('TOKEN')", "'%r' % secret('TOKEN')", "'%s' | format(secret('TOKEN'))", "'{}'.format(secret('TOKEN'))",
        "'{!r}'.format(secret('TOKEN'))", "'{0.pieces}'.format(secret('TOKEN'))", "[secret('TOKEN')] | join", "var.keys | join(',')",
        "[secret('TOKEN')] | string", "[secret('TOKEN')] ~ ''", "var.map | string", "var.map | pprint", "'%s' % var.keys",
        "'%(k)s' % var.map", "secret('TOKEN')[0]", "secret('TOKEN')[:3]", "secret('TOKEN') | first", "secret('TOKEN') | list",
        "secret('TOKEN') | length", "secret('TOKEN') | upper", "secret('TOKEN') | int", "secret('TOKEN') | replace('h', 'x')",
        "secret('TOKEN') == 'a'", "secret('TOKEN') != 'a'", "secret('TOKEN') < 'a'", "'h' in secret('TOKEN')",
        "secret('TOKEN') in ['a']", "secret('TOKEN') in 'abc'", "'a' if secret('TOKEN') else 'b'", "not secret('TOKEN')",
        "secret('TOKEN') and 'a'", "secret('TOKEN') or 'b'", "secret('TOKEN') * 2", "-secret('TOKEN')", "secret('TOKEN') - 1",
        "secret('TOKEN')()", "{secret('TOKEN'): 1}", "{'a': 1}[secret('TOKEN')]", "range(secret('TOKEN'))",
        "file(secret('TOKEN'))", "secret(secret('TOKEN'))", "'a' | replace('a', secret('TOKEN'))", "var.number + 1",
        "[secret('TOKEN'), 'a'] | sort", "[secret('TOKEN'), 'a'] | unique | list", "[secret('TOKEN'), 'a'] | map('upper') | list",
        "[secret('TOKEN')] == [var.key]", "var.key.nope", "secret()", "secret('')", "secret(1)", "secret('NONE')", "secret('EMPTY')",
        "var", "var | string", "var._values", "secret", "secret.__self__", "secret.__func__.__globals__",
    ],
)  # fmt: skip
def test_what_looks_into_a_secret_is_a_located_error(expression: str) -> None:
    """Nothing compares, cuts, counts or prints it, and neither the error nor its traceback has its text."""
    for template in (f"b: 1\na: {{{{ {expression} }}}}\n", f"b: 1\na: 'x {{{{ {expression} }}}}'\n"):
        (found,) = problems(templates(), template)
        assert found.where is not None
        assert found.where.line == 2
        assert TEXT not in words(found)
        try:
            templates().render(template, "a.yaml")
        except ProjectError as error:
            assert TEXT not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% if secret('TOKEN') %}a: 1{% endif %}\n", "1:1"),
        ("a: 1\n{% for c in secret('TOKEN') %}{% endfor %}\n", "2:1"),
        ("a: {{ 1 }} {% filter upper %}{{ secret('TOKEN') }}{% endfilter %}\n", "1:12"),
        ("{{ secret('TOKEN') }}: 1\n", "1:1"),
        ("a: 'x {{ var.keys }}'\n", "1:7"),
        ("a: 'x {{ {'a': secret('TOKEN')} | tojson }}'\n", "1:7"),
    ],
)
def test_secrets_have_no_influence(template: str, expected: str) -> None:
    """No condition, loop, filter or key depends on one, and a list of them is no text."""
    (found,) = problems(templates(), template)
    assert f"{found.where.line}:{found.where.column}" == expected if found.where else False
    assert TEXT not in words(found)


@pytest.mark.parametrize(
    "manifest",
    [
        HEAD.replace("resnet50", "{{ secret('TOKEN') }}") + "spec: {}\n",
        HEAD.replace("resnet50", "run-{{ secret('TOKEN') }}") + "spec: {}\n",
        HEAD.replace("cluster: a100", "cluster: {{ var.key }}") + "spec: {}\n",
        HEAD + "desiredPhase: {{ secret('TOKEN') }}\nspec: {}\n",
        HEAD + "dependsOn: [\"{{ secret('TOKEN') }}\"]\nspec: {}\n",
        HEAD + "lifecycle: {ignoreChanges: [\"{{ secret('TOKEN') }}\"]}\nspec: {}\n",
        HEAD + "spec:\n  environmentVariables: [{name: \"{{ secret('TOKEN') }}\", value: x}]\n",
        HEAD + "spec:\n  imagePullPolicy: {{ secret('TOKEN') }}\n",
        HEAD + "spec:\n  compute: {gpuDevicesRequest: {{ var.number }}}\n",
        HEAD + "spec:\n  compute: {cpuMemoryRequest: {{ secret('TOKEN') }}}\n",
        HEAD + "spec:\n  tty: {{ secret('TOKEN') }}\n",
        HEAD + "spec:\n  compute: {{ secret('TOKEN') }}\n",
        HEAD + "spec: {{ secret('TOKEN') }}\n",
        HEAD.replace("Training", "{{ secret('TOKEN') }}") + "spec: {}\n",
        HEAD.replace("runai/v1", "{{ secret('TOKEN') }}") + "spec: {}\n",
    ],
)
def test_a_secret_stands_in_free_text_only(tmp_path: Path, manifest: str) -> None:
    """Names, choices, numbers and structure are shown or decide something: a secret there is one error at its place."""
    (tmp_path / "manifests").mkdir()
    result = compiled(tmp_path, {"manifests/a.yaml": manifest}, VARIABLES, secrets={"TOKEN": TEXT})
    (found,) = result.diagnostics
    assert found.where is not None
    line = manifest.split("\n")[found.where.line - 1]
    assert "secret(" in line or "var." in line
    assert TEXT not in words(found)
    assert "4711" not in words(found)


def test_a_resource_holds_secrets_as_such(tmp_path: Path) -> None:
    """What the planner gets knows where its secret comes from, and prints a mask."""
    manifest = HEAD + "spec:\n  args: --token {{ secret('TOKEN') }}\n  command: {{ var.key }}\n"
    result = compiled(tmp_path, {"manifests/a.yaml": manifest}, VARIABLES, secrets={"TOKEN": TEXT})
    assert findings(result) == []
    (resource,) = result.resources
    assert TEXT not in repr(resource)
    assert sum(isinstance(one, Secret) for one in hidden_in(resource.body)) == 2
    assert masked(resource.body)["spec"]["args"] == MASK
    assert revealed(resource.body)["spec"] == {"args": f"--token {TEXT}", "command": TEXT}


def test_every_missing_secret_is_told(tmp_path: Path) -> None:
    """Two of them in one file are two findings, each at its name."""
    manifest = HEAD + "spec:\n  args: {{ secret('ONE') }}\n  command: x {{ secret('TWO') }}\n"
    result = compiled(tmp_path, {"manifests/a.yaml": manifest})
    assert findings(result) == ["manifests/a.yaml:8:20: Missing secret", "manifests/a.yaml:9:25: Missing secret"]


def test_the_values_of_a_loop_are_told_without_its_secrets(tmp_path: Path) -> None:
    """A mistake in a loop over secrets names its turn, and masks its values."""
    manifest = HEAD + "spec:\n  {% for s in [var.key, var.map] %}\n  typo{{ loop.index }}: 1\n  {% endfor %}\n"
    result = compiled(tmp_path, {"manifests/a.yaml": manifest}, VARIABLES)
    assert [one.summary for one in result.diagnostics] == ["Unknown key", "Unknown key"]
    told = words(*result.diagnostics)
    assert f"s = {MASK}" in told
    assert TEXT not in told


@pytest.mark.parametrize(("header", "ending"), [("|", "\n"), ("|-", "\n"), ("|+", "\n\n")])
def test_a_key_of_several_lines_ends_as_its_block_says(header: str, ending: str) -> None:
    """A private key ends with a newline of its own, to which a block adds another one only if it says `+`."""
    key = f"-----\n{TEXT}\n-----"
    made = Templates(Path(), FrozenMap(), None, {"KEY": f"{key}\n"}.get)
    found = value_of(made, f"a: {header}\n  {{{{ secret('KEY') }}}}\nb: 1\n")["a"]
    assert found.revealed() == key + ending
    assert found.filled(lambda _: f"{key}\n").revealed() == key + ending
