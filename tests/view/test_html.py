"""The page of a plan: whole in itself, and nothing in a value becomes a part of it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.model.plan import Change
from declarative.plan.planfile import PlanFile
from declarative.view.html import failure_html, plan_html
from declarative.view.plan import count_line
from declarative.view.style import Style
from tests.view import samples
from tests.view.test_markdown import changes, diagnostics, file, texts

VOID = {"meta", "input", "br"}
# Attributes that load something, or run something.
LOADS = {"src", "srcset", "href", "action", "formaction", "data", "poster", "background", "style", "xlink:href"}


class Page(HTMLParser):
    """A page taken apart: elements, attributes, and the text of each element by name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed out of order"

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.text.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def said(self, tag: str = "body") -> str:
        return "".join(self.text.get(tag, []))


FULL = PlanFile(samples.FULL_PLAN, 9, 9, environment="prod")


def test_the_page_loads_nothing_and_runs_its_one_script() -> None:
    """The policy of the page names the digest of that script, and every attribute stays within the page."""
    page = Page(plan_html(FULL, samples.DIAGNOSTICS))
    (policy,) = (one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(page.said("script").encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert len(page.all("script")) == 1
    assert {name for _, attrs in page.elements for name in attrs} & LOADS == set()
    assert "url(" not in page.said("style").replace("url(#", "")
    assert "@import" not in page.said("style")


def test_the_page_says_what_the_plan_says() -> None:
    page = Page(plan_html(FULL, samples.DIAGNOSTICS))
    assert page.said("h1") == page.said("title") == count_line(FULL.plan)
    assert "environment prod" in page.said("header")
    assert [one["data-sort"] for one in page.all("details")] == [
        "add", "change", "change", "change", "replace", "replace", "destroy", "forget",
    ]  # fmt: skip
    assert len(page.all("section")) == len(samples.DIAGNOSTICS)
    assert "2create3update2replace1destroy1forget" not in page.said("ul")
    assert page.said("ul").startswith("1create3update2replace1destroy1forget1unchanged")


def test_totals_tell_the_gpus_before_and_after() -> None:
    stopped = replace(
        samples.SUSPEND,
        before=samples.body("s", {"compute": {"gpuDevicesRequest": 4}}),
        after=samples.body("s", {"compute": {"gpuDevicesRequest": 4}}, "Stopped"),
    )
    assert "4 → 0GPUs, before → after" in Page(plan_html(file(stopped))).said("ul")


def test_what_changes_the_state_alone_has_a_sort_of_its_own() -> None:
    moved = replace(samples.SAME, moved_from=samples.training("before"))
    page = Page(plan_html(file(moved, samples.SAME)))
    assert [one["data-sort"] for one in page.all("details")] == ["state"]
    assert page.said("ul").startswith("1state only1unchanged")


def test_dependencies_are_drawn_where_there_are_any() -> None:
    base = samples.TEMPLATE
    user = replace(samples.CREATE, depends_on=(base.address,))
    assert len(Page(plan_html(file(user, base))).all("svg")) == 1
    assert Page(plan_html(file(samples.CREATE, base))).all("svg") == []
    many = [replace(user, address=samples.training(f"run-{number}")) for number in range(400)]
    page = Page(plan_html(file(base, *many)))
    assert page.all("svg") == []
    assert "401 resources depend on one another: too many for a picture." in page.said()


def test_a_failure_has_a_page_too() -> None:
    page = Page(failure_html(samples.DIAGNOSTICS))
    assert page.said("h1") == "The plan failed."
    assert len(page.all("section")) == len(samples.DIAGNOSTICS)


def test_every_control_has_a_name_for_those_who_cannot_see_it() -> None:
    page = Page(plan_html(FULL))
    labelled = {one["type"]: one.get("aria-label") for one in page.all("input")}
    assert labelled["search"] == "Filter"
    assert len(page.all("label")) == sum(one["type"] == "checkbox" for one in page.all("input"))
    assert page.all("html")[0]["lang"] == "en"
    assert all(one.get("aria-label") for one in page.all("svg"))


ATTRIBUTES = {attribute for _, found in Page(plan_html(FULL, samples.DIAGNOSTICS)).elements for attribute in found}


@settings(max_examples=60)
@given(st.lists(changes(), max_size=6), st.lists(diagnostics, max_size=4), texts)
def test_no_value_becomes_a_part_of_the_page(shown: list[Change], found: list[Diagnostic], endpoint: str) -> None:
    """The elements are those of a harmless plan, and what was said can be read."""
    saved = file(*shown)
    page = Page(plan_html(replace(saved, plan=replace(saved.plan, endpoint=endpoint)), found))
    assert len(page.all("script")) == 1
    assert len(page.all("details")) == sum(not change.is_nothing for change in shown)
    assert {name for _, attrs in page.elements for name in attrs} <= ATTRIBUTES | {"role", "tabindex"}
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "code", "ul", "li", "b", "section", "pre",
        "div", "input", "label", "button", "span", "details", "summary", "i", "script",
    }  # fmt: skip
    for one in found:
        assert Style().safe(one.summary) in page.said("section")
    for change in shown:
        if not change.is_nothing:
            assert re.sub(r"\s", "", Style().safe(str(change.address))) in re.sub(r"\s", "", page.said("summary"))
