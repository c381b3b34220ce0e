"""The page of a plan in a real browser: `make browser` runs this, and needs Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from declarative.plan.planfile import PlanFile
from declarative.view.html import plan_html
from tests.view import samples

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCRIPT = """
const log = {};
const key = (key) => document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
const now = () => [document.getElementById("shown").textContent, changes.filter((one) => !one.hidden).length];
log.start = now();
key("/"); log.focused = document.activeElement === search;
type("bert 8"); log.words = now();
type("nothing at all"); log.none = now();
key("Escape"); log.cleared = [search.value, ...now()];
boxes[0].click(); log.box = now();
button.click(); log.unfolded = [button.textContent, changes.filter((one) => one.open).length];
button.click(); log.folded = [button.textContent, changes.filter((one) => one.open).length];
log.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
log.filter = getComputedStyle(document.querySelector(".filter")).display;
document.title = JSON.stringify(log);
"""


def browse(folder: Path, html: str, size: str) -> dict[str, Any]:
    """What the script above found on a page, which has no policy here: the script is none of its own."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert browser is not None, f"this test needs one of {', '.join(NAMES)}"
    page = folder / "page.html"
    html = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", html)
    page.write_text(html.replace("</script>\n</body>", f"{SCRIPT}</script>\n</body>"), encoding="utf-8")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={size}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode())
    assert title is not None
    found: dict[str, Any] = json.loads(unescape(title[1]))
    return found


@pytest.mark.parametrize("size", ["1280,900", "390,800"])
def test_changes_are_filtered_and_unfolded(tmp_path: Path, size: str) -> None:
    """Words, boxes, `/`, Escape and the button do what they say; nothing is wider than the window."""
    many = [replace(one, address=samples.training(f"run-{at}")) for at, one in enumerate([samples.REPLACE] * 30)]
    shown = [samples.CREATE, samples.TEMPLATE, replace(samples.REPLACE, depends_on=(samples.TEMPLATE.address,)), *many]
    found = browse(tmp_path, plan_html(PlanFile(samples.plan(*shown), 9, 9), samples.DIAGNOSTICS), size)
    assert found == {
        "start": ["33 of 33", 33],
        "focused": True,
        "words": ["31 of 33", 31],
        "none": ["0 of 33", 0],
        "cleared": ["", "33 of 33", 33],
        "box": ["32 of 33", 32],
        "unfolded": ["Fold all", 32],
        "folded": ["Unfold all", 0],
        "wide": False,
        "filter": "flex",
    }


def test_the_policy_of_the_page_lets_its_own_script_run(tmp_path: Path) -> None:
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert browser is not None, f"this test needs one of {', '.join(NAMES)}"
    page = tmp_path / "page.html"
    page.write_text(plan_html(PlanFile(samples.FULL_PLAN, 9, 9)), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
    assert (
        '<body class="script">' in subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()
    )
