"""Shows what others have changed since the last apply."""

from __future__ import annotations

from declarative.model.plan import Action, Change
from declarative.view.fields import fields_lines, marked
from declarative.view.style import Style
from declarative.view.text import counted


def drift_text(drifted: tuple[Change, ...], recorded: int, endpoint: str, style: Style) -> str:
    """What was applied on the left, what is live on the right, and the count. `recorded` resources were looked at."""
    if not drifted:
        what = f"{counted(recorded, 'resource')} {'is' if recorded == 1 else 'are'} as applied"
        why = f"{what} ({style.safe(endpoint)})." if recorded else "The state records nothing."
        return f"{style.bold(style.green('No drift.'))} {why}\n"
    blocks = [f"Drift at {style.safe(endpoint)}: what was applied {style.arrow} what is live"]
    blocks += ["\n".join(_lines(change, style)) for change in drifted]
    differ = "differs" if len(drifted) == 1 else "differ"
    blocks.append(
        style.bold(f"Drift: {len(drifted)} of {counted(recorded, 'resource')} {differ} from what was applied.")
    )
    return "\n\n".join(blocks) + "\n"


def _lines(change: Change, style: Style) -> list[str]:
    symbol = "~" if change.action is Action.UPDATE else "-"
    lines = [f"  {marked(symbol, style)} {style.bold(style.safe(str(change.address)))}"]
    lines += [style.dim(f"    # {style.safe(change.reason)}")] if change.reason else []
    return lines + fields_lines(change.fields, style, phases=False)
