"""Templates: strict, confined to the project, and bounded in time and memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from declarative.manifest.limits import BUDGET
from declarative.manifest.template import Templates
from declarative.model.value import FrozenMap, freeze
from tests.manifest.projects import HEAD, assembled, compiled, findings, problems, value_of

VARIABLES = freeze(
    {
        "text": "a",
        "rates": [0.1, 0.01],
        "net": {"depth": 50, "items": 1},
        "flag": True,
        "nothing": None,
        "nasty": "a: [b",
    }
)


def rendered(text: str, root: Path) -> str:
    return assembled(Templates(root, VARIABLES, "prod").render(text, "a.yaml"))


def refused(text: str, root: Path) -> tuple[str, str]:
    """Summary, and place with detail, of the one finding."""
    (found,) = problems(Templates(root, VARIABLES, "prod"), text)
    assert found.where is not None
    return found.summary, f"{found.where.line}:{found.where.column} {found.detail}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ var.text }}", "a"),
        ("{{ var.rates }}", "[0.1, 0.01]"),
        ("{{ var.net }}", '{"depth": 50, "items": 1}'),
        ("{{ var.net.depth }} {{ var['text'] }}", "50 a"),
        ("{{ var.flag }} {{ var.nothing }}", "true null"),
        ("{{ environment }}", "prod"),
        ("{{ var.nasty | tojson }}", '"a: [b"'),
        ("{{ var.nasty | toyaml }}", "'a: [b'"),
        ("{{ var.rates | toyaml }}", "[0.1, 0.01]"),
        ("{{ var.text ~ 1 ~ var.flag }}", "a1true"),
        ("{{ '%03d' % 7 }} {{ '%02d' | format(3) }} {{ '{:>4}'.format(1) }}", "007 03    1"),
        ("{{ 'a' * 3 }} {{ 2 ** 10 }} {{ [1] + [2] }}", "aaa 1024 [1, 2]"),
        ("{% for i in range(3) %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"),
        ("{% for k, v in var.net | dictsort %}{{ k }}={{ v }};{% endfor %}", "depth=50;items=1;"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) | length }}", "3"),
        ("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
        ("{{ 90000000000 | string }} {{ var.text | default(90000000000) }}", "90000000000 a"),
        ("a\r\n{{ 1 }}\r\nb\r\n", "a\n1\nb\n"),
    ],
)
def test_expressions_write_what_an_author_means(tmp_path: Path, template: str, expected: str) -> None:
    """In the middle of other text, a value reads as an author would type it."""
    assert rendered(template, tmp_path) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ var.text }}", "a"),
        ("{{ var.rates }}", (0.1, 0.01)),
        ("{{ var.net }}", {"depth": 50, "items": 1}),
        ("{{ var.net | tojson }}", {"depth": 50, "items": 1}),
        ("{{ var.rates | toyaml }}", (0.1, 0.01)),
        ("{{ var.nasty }}", "a: [b"),
        ("{{ var.nasty | tojson }}", "a: [b"),
        ("{{ var.nasty | toyaml }}", "a: [b"),
        ("{{ var.flag }}", True),
        ("{{ var.nothing }}", None),
        ("{{ 1.10 }}", 1.1),
        ("{{ '1.10' }}", "1.10"),
        ("{{ 'true' }}", "true"),
        ("{{ '' }}", ""),
        ("{{ 7 | string }}", "7"),
        ("{{ '7' | int }}", 7),
        ("{{ 90000000000 | string }}", "90000000000"),
        ("{{ 1 }}{{ 2 }}", 12),
        ("-{{ 1 }}", -1),
        ("{{ 1 }}.{{ 5 }}", 1.5),
        ("{{ 1 }}{{ '2' }}", "12"),
        ("{{ 1 ~ 2 }}", "12"),
        ("0{{ '' }}", "0"),
        ("'{{ 1 }}'", "1"),
        ('"{{ var.flag }}"', "true"),
        ("'{{ var.nothing }}'", "null"),
        ("{{ var.nothing if false }}", None),
        ("x{{ 1 if false }}", "x"),
        ("{% if true %}1{% endif %}", 1),
        ("{% if true %}'1'{% endif %}", "1"),
        ("{% macro m() %}[1, {{ '2' }}]{% endmacro %}{{ m() }}", (1, "2")),
        ("{% set block %}{b: 1}{% endset %}{{ block }}", {"b": 1}),
        ("{% set block %}{b: 1}{% endset %}{{ block | upper }}", "{B: 1}"),
        ("!!int '{{ '12' }}'", 12),
        ("!!str {{ 12 }}", "12"),
        ("{{ var.text }}  # {{ var.nasty }}", "a"),
    ],
)
def test_a_value_keeps_its_type_where_it_stands_alone(tmp_path: Path, template: str, expected: object) -> None:
    """A plain scalar that is one expression is the value itself; in quotes and beside other text it becomes text."""
    found = value_of(Templates(tmp_path, VARIABLES, "prod"), f"a: {template}")["a"]
    assert found == expected
    assert type(found) is type(expected) or isinstance(expected, dict)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a\n  b {{ nope }}", ("Undefined name", "2:8 `nope` is not defined.")),
        ("{{ 1 }} {{ var.tex }}", ("Undefined variable", "1:16 There is no variable `tex`.")),
        ("{{ var.net.dept }}", ("Undefined name", "1:12 The value has no `dept`; it has depth, items.")),
        ("{{ var.items }}", ("Undefined variable", "1:8 There is no variable `items`.")),
        ("{{ var.text.foo }}", ("Undefined name", "1:13 The value has no `foo`.")),
        ("{{ secert }}", ("Undefined name", "1:4 `secert` is not defined.")),
        ("{{ lipsum() }}", ("Undefined name", "1:4 `lipsum` is not defined.")),
        ("{{ 1 / 0 }}", ("Failing template", "1:1 Division by zero.")),
        ("{% include 'x' %}", ("Missing file", "1:1 There is no file x in the project.")),
        ("{{ file('x') }}", ("Missing file", "1:1 There is no file x in the project.")),
        ("{{ file('.') }}", ("Failing template", "1:10 '.' is a folder.")),
    ],
)
def test_failures_point_into_the_line(tmp_path: Path, template: str, expected: tuple[str, str]) -> None:
    assert refused(template, tmp_path) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "''['__class__']",
        "'' | attr('__class__')",
        "().__class__.__base__.__subclasses__()",
        "var.__class__",
        "var._values",
        "var.__init__.__globals__",
        "file.__globals__",
        "file.__func__",
        "self.__init__.__globals__",
        "range.__call__",
        "cycler.__init__.__globals__",
        "namespace.__init__",
        "loop.__class__",
        "'{0.__class__}'.format(1)",
        "'{x.__class__.__mro__}'.format(x=1)",
        "[].append(1)",
        "var.rates.__add__",
        "var.net.update({})",
        "var.net.pop('depth')",
        "(1).__class__",
        "[1] | map(attribute='__class__') | list",
        "[1] | map('attr', '__class__') | list",
        "[''] | groupby('__class__')",
    ],
)
def test_no_expression_escapes(tmp_path: Path, expression: str) -> None:
    """What leads out of the values of a template is refused with a place."""
    summary, _ = refused("{{ " + expression + " }}", tmp_path)
    assert summary in ("Failing template", "Undefined name", "Undefined variable", "Malformed template")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "a/../../secret", "link", "folder/secret", ".//../secret"]
)
@pytest.mark.parametrize(
    "form", ["{{ file('%s') }}", "{%% include '%s' %%}", "{%% import '%s' as x %%}", "{%% extends '%s' %%}"]
)
def test_no_file_outside_of_the_project_is_read(tmp_path: Path, name: str, form: str) -> None:
    """Neither `..`, nor absolute paths, nor symbolic links lead out."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret").write_text("key")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    summary, detail = refused("a: b\nc: " + form % name, root)
    assert summary == "Failing template"
    assert detail.startswith("2:")
    assert detail.endswith(f"'{name}' is outside of the project.")


def test_a_link_inside_of_the_project_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert rendered("{{ file('b') }}{% include 'b' %}", tmp_path) == "texttext"


def test_a_file_that_is_no_text_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"a\n\xff")
    assert refused("{% include 'b' %}", tmp_path) == ("Not UTF-8", "2:1 The byte 0xff is not part of UTF-8 text.")
    assert refused("a: {{ file('b') }}", tmp_path) == ("Failing template", "1:4 The file b:2:1 is no UTF-8 text.")


BIG = "{% set big = 'a' * 1000000 %}"
DOUBLE = "{% set ns = namespace(x={start}) %}{% for i in range(64) %}{% set ns.x = {step} %}{% endfor %}{{ ns.x }}"
ENDLESS = [
    "{{ range(10 ** 9) | list }}",
    "{{ 'a' * 10 ** 9 }}",
    "{{ 10 ** 9 * 'a' }}",
    "{{ [0] * 10 ** 9 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'a'.ljust(10 ** 9) }}",
    "{{ 'a' | center(10 ** 9) }}",
    "{{ 'a\nb' | indent(10 ** 9) }}",
    "{{ [1] | batch(10 ** 9, 0) | list }}",
    "{{ [1] | slice(10 ** 9) | list }}",
    BIG + "{{ big | replace('a', big) }}",
    BIG + "{{ ([big] * 1000) | join }}",
    BIG + "{{ [big] * 1000 }}",
    BIG + "{% for i in range(1000) %}{{ big }}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}" + "text " * 200 + "{% endfor %}{% endfor %}",
    "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "{% for i in [1, 2] recursive %}{% if loop.depth < 64 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(64) }}",
    "{% include 'self' %}",
    "{% set n = 40 %}{% include 'twice' %}",
    DOUBLE.replace("{start}", "'ab'").replace("{step}", "ns.x ~ ns.x"),
    DOUBLE.replace("{start}", "'ab'").replace("{step}", "ns.x + ns.x"),
    DOUBLE.replace("{start}", "[1]").replace("{step}", "ns.x + ns.x"),
    DOUBLE.replace("{start}", "[1]").replace("{step}", "[ns.x, ns.x]"),
    DOUBLE.replace("{start}", "[1]").replace("{step}", "[ns.x, ns.x]").replace("{{ ns.x }}", "{{ ns.x | tojson }}"),
    DOUBLE.replace("{start}", "[1]").replace("{step}", "[ns.x, ns.x]").replace("{{ ns.x }}", "{{ ns.x | toyaml }}"),
    DOUBLE.replace("{start}", "3").replace("{step}", "ns.x * ns.x"),
    DOUBLE.replace("{start}", "3").replace("{step}", "ns.x ** 1000"),
    "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_every_template_ends(tmp_path: Path, template: str) -> None:
    """What would loop, recurse or grow without end is refused within seconds and without filling the memory."""
    (tmp_path / "self").write_text("{% include 'self' %}")
    (tmp_path / "twice").write_text(
        "{% set n = n - 1 %}{% if n %}{% include 'twice' %}{% include 'twice' %}{% endif %}"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    summary, _ = refused(template, tmp_path)
    assert summary in ("Failing template", "Endless template")
    assert time.process_time() - began < 5
    # Kilobytes: never 500 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_the_budget_is_far_above_what_manifests_need(tmp_path: Path) -> None:
    """A file that makes 2,000 manifests of a usual size costs less than a tenth of the budget."""
    loop = (
        "{% for i in range(2000) %}\n---\n" + HEAD.replace("resnet50", "run-{{ i }}") + "spec:\n  args: " + "x" * 2000
    )
    templates = Templates(tmp_path, FrozenMap(), None)
    templates.render(loop + "\n{% endfor %}\n", "a.yaml")
    assert templates.engine.left > BUDGET * 0.9


def test_an_error_in_one_file_leaves_the_others_alone(tmp_path: Path) -> None:
    """Each file has its own budget and its own error."""
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    files = {
        "manifests/a.yaml": endless,
        "manifests/b.yaml": "{{ nope }}",
        "manifests/c.yaml": HEAD + "spec: {{ {} }}\n",
    }
    result = compiled(tmp_path, files)
    assert findings(result) == ["manifests/a.yaml:1:1: Failing template", "manifests/b.yaml:1:4: Undefined name"]
    assert [str(one.address) for one in result.resources] == ["Training.resnet50"]
