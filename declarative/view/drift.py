"""Shows what others have changed since the last apply."""

from __future__ import annotations

from declarative.model.plan import Action, Change
from declarative.view.fields import fields_lines, marked
from declarative.view.plan import unchanged
from declarative.view.style import Style
from declarative.view.text import counted


def drift_text(
    drifted: tuple[Change, ...], same: tuple[Change, ...], recorded: int, endpoint: str, style: Style
) -> str:
    """What was applied on the left, what is live on the right, and the count. `recorded` resources were looked at.

    Of `same` it is said why they have not drifted.
    """
    head, dot, more = drift_summary(len(drifted), recorded, style.safe(endpoint)).partition(".")
    if not drifted:
        return "\n".join([style.bold(style.green(head + dot)) + more, *unchanged(same, style)]) + "\n"
    blocks = [f"Drift at {style.safe(endpoint)}: what was applied {style.arrow} what is live"]
    blocks += ["\n".join(_lines(change, style)) for change in drifted]
    blocks.append("\n".join([style.bold(head + dot) + more, *unchanged(same, style)]))
    return "\n\n".join(blocks) + "\n"


def drift_summary(drifted: int, recorded: int, endpoint: str) -> str:
    """How many of the recorded resources are no longer as they were applied."""
    if drifted:
        differ = "differs" if drifted == 1 else "differ"
        return f"Drift: {drifted} of {counted(recorded, 'resource')} {differ} from what was applied."
    if not recorded:
        return "No drift. The state records nothing."
    return f"No drift. {counted(recorded, 'resource')} {'is' if recorded == 1 else 'are'} as applied ({endpoint})."


def _lines(change: Change, style: Style) -> list[str]:
    symbol = "~" if change.action is Action.UPDATE else "-"
    lines = [f"  {marked(symbol, style)} {style.bold(style.safe(str(change.address)))}"]
    lines += [style.dim(f"    # {style.safe(change.reason)}")] if change.reason else []
    return lines + fields_lines(change.fields, style, phases=False)
