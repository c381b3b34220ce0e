"""`declarative graph` draws what needs what, without asking the control plane."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.tool import Tool, documents, template, training

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    tool = Tool(tmp_path, {"DECLARATIVE_ENDPOINT": "http://127.0.0.1:9"})
    tool.write(
        {
            "manifests/all.yaml": documents(
                template("base"),
                training("first", needs=["WorkloadTemplate.base"]),
                training("second", needs=["Training.first", "WorkloadTemplate.base"]),
                training("alone"),
            )
        }
    )
    return tool


def test_dot_has_an_arrow_from_each_resource_to_what_it_needs(tool: Tool) -> None:
    drawn = tool.run("graph").out
    assert drawn.startswith("digraph declarative {")
    assert set(re.findall(r'^  ("\S+") -> ("\S+")$', drawn, re.MULTILINE)) == {
        ('"Training.first"', '"WorkloadTemplate.base"'),
        ('"Training.second"', '"Training.first"'),
        ('"Training.second"', '"WorkloadTemplate.base"'),
    }
    assert '"Training.alone" [' in drawn


def test_mermaid_names_each_resource_once(tool: Tool) -> None:
    drawn = tool.run("graph", "--format", "mermaid").out
    assert drawn.startswith("flowchart ")
    names = dict(re.findall(r'^  (n\d)\["(\S+)"\]$', drawn, re.MULTILINE))
    arrows = {(names[one], names[other]) for one, other in re.findall(r"(n\d) --> (n\d)", drawn)}
    assert ("Training.first", "WorkloadTemplate.base") in arrows
    assert len(arrows) == 3
    assert sorted(names.values()) == ["Training.alone", "Training.first", "Training.second", "WorkloadTemplate.base"]


def test_svg_shows_each_resource_and_each_line_that_no_other_stands_for(tool: Tool) -> None:
    root = ElementTree.fromstring(tool.run("graph", "--format", "svg").out)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert sorted(map(str, texts)) == [
        "Training.alone",
        "Training.first",
        "Training.second",
        "WorkloadTemplate.base",
    ]
    assert len([line for line in root.iter(f"{SVG}path") if line.get("marker-end")]) == 2


def test_boxes_of_a_picture_do_not_overlap_and_what_is_needed_stands_left(tool: Tool) -> None:
    numbers = range(60)
    tool.write(
        {
            "manifests/all.yaml": documents(
                *(template(f"base{number}") for number in numbers),
                *(training(f"run{number}", needs=[f"WorkloadTemplate.base{number % 7}"]) for number in numbers),
            )
        }
    )
    root = ElementTree.fromstring(tool.run("graph", "--format", "svg").out)
    boxes = {}
    for group in root.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        boxes[title.text] = [float(box.get(side, "")) for side in ("x", "y", "width", "height")]
    places = list(boxes.values())
    for index, (x, y, width, height) in enumerate(places):
        for other_x, other_y, other_width, other_height in places[:index]:
            assert (
                x + width <= other_x
                or other_x + other_width <= x
                or y + height <= other_y
                or other_y + other_height <= y
            )
    assert all(boxes[f"WorkloadTemplate.base{one % 7}"][0] < boxes[f"Training.run{one}"][0] for one in numbers)


def test_a_saved_plan_is_drawn_with_what_happens_to_each(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    tool.write({"manifests/all.yaml": documents(template("base"), training("run", needs=["WorkloadTemplate.base"]))})
    tool.run("plan", "--out", "p.plan")
    assert '"Training.run" [label = "+ Training.run", color = ' in tool.run("graph", "p.plan").out
    assert '["+ Training.run"]:::add' in tool.run("graph", "p.plan", "--format", "mermaid").out
    assert 'class="add"' in tool.run("graph", "p.plan", "--format", "svg").out


def test_wrong_manifests_are_told_and_nothing_is_drawn(tool: Tool) -> None:
    tool.write({"manifests/all.yaml": training("one", needs=["Training.other"])})
    done = tool.run("graph", code=1)
    assert "Unknown address" in done.err
    assert done.out == ""
