"""The comment for a pull request: nothing in a plan can break it, and it never outgrows its host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.address import Address
from declarative.model.named import NamedId
from declarative.model.plan import Action, Change, FieldChange
from declarative.model.position import Position
from declarative.model.value import freeze
from declarative.plan.planfile import PlanFile, checksum
from declarative.view.host import Host
from declarative.view.markdown import LONGEST, failure_markdown, plan_markdown
from declarative.view.plan import count_line
from declarative.view.style import Style
from tests.view import samples

GITHUB = Host("https://code.example/acme/infra/blob/abc", "https://code.example/acme/infra/actions/runs/7", "infra")
NASTY = (
    "```", "````\n```diff", "|", "a|b|c", "<b>x</b>", "</details>", "<script>alert(1)</script>", "<!--", "&amp;", "@ana",
    "#12", "# title", "- item", "1. item", "---", "===", "> quote", "[a](b)", "![a](b)", "**a**", "_a_", "~~a~~", "\\", "`",
    "$x$", "\r\n", "\n\n\n", "\t", " ", "🚀", "名前", "\x1b[31m", "\u202e", "https://x.example", "$$", "    four",
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)), max_size=6).map("".join)
places = st.none() | st.builds(Position, texts, st.integers(1, 10**6))
values = st.none() | texts | st.integers() | st.lists(texts, max_size=3).map(freeze)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    action = draw(st.sampled_from(list(Action)))
    body = freeze({"metadata": {"name": draw(texts)}, "spec": {draw(texts): draw(values)}})
    pairs = draw(st.lists(st.tuples(texts, values, values), max_size=3))
    return Change(
        Address(draw(st.sampled_from(["Training", "WorkloadTemplate"])), draw(texts) or "a"),
        action,
        before=None if action is Action.CREATE else body,
        after=None if action in (Action.DELETE, Action.FORGET) else body,
        fields=tuple(FieldChange(("spec", label), label, *pair) for label, *pair in pairs if pair[0] != pair[1]),
        reason=draw(st.none() | texts),
        disruption=draw(st.none() | st.just(samples.SUSPEND.disruption)),
        where=draw(places),
    )


diagnostics = st.builds(
    Diagnostic,
    summary=texts,
    detail=texts.map(lambda text: text * 50),
    hint=st.none() | texts,
    where=places,
    severity=st.sampled_from(Severity),
    notes=st.lists(texts, max_size=3).map(tuple),
)


def file(*shown: Change) -> PlanFile:
    return PlanFile(samples.plan(*shown), len(shown), len(shown))


def rendered(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


def tokens(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)


class _Text(HTMLParser):
    """What a reader sees of a page, and the names of its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen, self.open, self.names = "", list[str](), set[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.add(tag)
        if tag not in ("br", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen += data


def page(markdown: str) -> _Text:
    found = _Text(rendered(markdown))
    assert found.open == []
    return found


def words_of(text: str) -> str:
    return re.sub(r"\s+", "", text)


def errors_of(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [one for one in found if one.severity is Severity.ERROR]


# All that the comment is made of; anything else came out of a value.
ELEMENTS = {
    "h3", "p", "code", "blockquote", "strong", "br", "span", "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
    "pre", "em", "a", "ul", "li",
}  # fmt: skip


@settings(max_examples=60)
@given(st.lists(changes(), max_size=6), st.lists(diagnostics, max_size=6))
def test_no_text_of_a_plan_breaks_its_comment(shown: list[Change], found: list[Diagnostic]) -> None:
    """The counts come first, every error is there, each fence is closed, and no value becomes markup."""
    saved = file(*shown)
    text = plan_markdown(saved, found, GITHUB)
    assert len(text) <= LONGEST
    is_empty = saved.plan.is_empty
    assert text.startswith("### No changes.\n" if is_empty else f"### {count_line(saved.plan)}\n")
    seen = page(text)
    assert seen.names <= ELEMENTS
    for one in errors_of(found):
        assert words_of(Style().safe(one.summary)) in words_of(seen.seen)
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert len(fences) == sum(not change.is_nothing for change in shown)
    assert all(token.info == "diff" for token in fences)


@settings(max_examples=30)
@given(st.lists(diagnostics, max_size=12))
def test_no_text_of_an_error_breaks_the_comment_of_a_failure(found: list[Diagnostic]) -> None:
    seen = page(failure_markdown(found, GITHUB))
    assert seen.names <= ELEMENTS
    assert all(words_of(Style().safe(one.summary)) in words_of(seen.seen) for one in found)


def test_a_large_plan_is_cut_but_for_its_totals_its_errors_and_the_link() -> None:
    """Details are left out first, then rows; the end says how many, and where the rest is."""
    many = [replace(samples.REPLACE, address=samples.training(f"run-{number}")) for number in range(2000)]
    found = [Diagnostic(f"Mistake {number}", "x" * 3000, where=Position("a.yaml", number + 1)) for number in range(100)]
    text = plan_markdown(file(*many), found, GITHUB)
    assert LONGEST - 2_000 < len(text) <= LONGEST
    assert text.startswith("### Plan: 2000 to add, 0 to change, 2000 to destroy.\n")
    assert all(f"error: Mistake {number}**" in text for number in range(100))
    missing = re.search(r"\*(\d+) rows and 2000 details did not fit here; see \[the whole output\]\((\S+)\)", text)
    assert missing is not None
    assert int(missing[1]) + len(re.findall(r"^\| <code>-/\+", text, re.MULTILINE)) == 2000
    assert missing[2] == GITHUB.run
    page(text)


def test_what_has_no_room_at_all_is_counted() -> None:
    found = [Diagnostic(f"Mistake {number}", "x" * 90) for number in range(5000)]
    text = failure_markdown(found)
    assert len(text) <= LONGEST
    told = len(re.findall(r"error: Mistake \d+\*\*", text))
    assert f"**And {5000 - told} more findings.**" in text


def test_what_stops_running_work_comes_first() -> None:
    shown = plan_markdown(file(samples.CREATE, samples.TEMPLATE, samples.ENDED, samples.SUSPEND))
    rows = re.findall(r"^\| \S+ \| <code>(\S+)</code>", shown, re.MULTILINE)
    assert rows == ["Training.sweep-3", "Training.ended", "Training.resnet", "WorkloadTemplate.base"]


def test_a_plan_is_a_heading_boxes_a_table_and_folded_differences() -> None:
    """The structure as a Markdown library sees it."""
    text = plan_markdown(file(samples.CREATE, samples.REPLACE, samples.TEMPLATE), samples.DIAGNOSTICS, GITHUB)
    found = tokens(text)
    kinds = [token.type for token in found if token.level == 0 and not token.type.endswith("_close")]
    boxes, folds = len(samples.DIAGNOSTICS), ["html_block", "fence", "html_block"] * 3
    assert kinds == [
        "heading_open",
        "paragraph_open",
        *["blockquote_open"] * boxes,
        "table_open",
        *folds,
        "paragraph_open",
    ]
    assert sum(token.type == "tr_open" for token in found) == 4
    html = rendered(text)
    assert '<a href="https://code.example/acme/infra/blob/abc/infra/manifests/nlp.yaml#L1">' in html
    assert html.count("<details>") == html.count("</details>") == 3


def test_many_rows_are_folded_too() -> None:
    many = [replace(samples.CREATE, address=samples.training(f"run-{number}")) for number in range(41)]
    assert "<details><summary>All 41 changes</summary>\n\n| | resource |" in plan_markdown(file(*many))
    assert "<summary>All" not in plan_markdown(file(*many[:40]))


def test_ids_are_told_with_the_names_that_the_manifest_has_for_them() -> None:
    named = NamedId(samples.CREATE.address, ("metadata", "project"), "project", "vision", "4501")
    assert '+       projectId: "4501"  # project vision\n' in plan_markdown(
        replace(file(samples.CREATE), names=(named,))
    )


def test_a_reviewer_finds_the_checksum_unless_there_is_nothing_to_apply() -> None:
    saved = file(samples.CREATE)
    assert f"Checksum <code>{checksum(saved)}</code>." in plan_markdown(saved)
    assert "Checksum" not in plan_markdown(file(samples.SAME))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask @ana", "ask <span>@</span>ana"),
        ("see #12", "see <span>#</span>12"),
        ("$a$", "<span>$</span>a<span>$</span>"),
    ],
)
def test_nobody_is_mentioned_and_nothing_is_referred_to(text: str, shown: str) -> None:
    assert shown in failure_markdown([Diagnostic("Mistake", text)])
