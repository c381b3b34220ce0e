"""Reports an apply that did not reach its end, so that its reader knows where things stand and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from declarative.diagnostics import Diagnostic
from declarative.model.event import Event, EventType
from declarative.model.plan import Step
from declarative.model.record import Operation
from declarative.plan.guard import some
from declarative.view.diagnostics import Source, diagnostic_blocks
from declarative.view.progress import DONE, FINAL, VERBS, apply_summary, replaces, skip_reason
from declarative.view.style import Style
from declarative.view.text import columns, counted, duration, wrapped


def failure_text(events: Iterable[Event], style: Style, command: str = "apply", source: Source = lambda _: None) -> str:
    """What failed, what was left out because of that or of an interrupt, how much was done, and how to go on.

    `events` may be all of them or only each step's last. What was done has had its line already. Every failure is told in
    full, with its line of the source, and once where it is that of several resources. The counts and the way on come last,
    where the eye is when the command ends.
    """
    final = sorted((event for event in events if event.type in FINAL), key=_order)
    undone = [event for event in final if event.type is not EventType.COMPLETED]
    failed = [event for event in undone if event.type is EventType.FAILED]
    pad = max((columns(style.safe(str(event.step.address))) for event in undone), default=0)
    lines = [_row(event, final, pad, style) for event in undone]
    lines += [line for block in diagnostic_blocks(_folded(failed), style, source) for line in ("", block)]
    lines += ["", *_losses(final, style, command)]
    lines += [f"{style.bold(style.red(f'{command.capitalize()} incomplete.'))} {_counts(final)}"]
    return "\n".join([*lines, *_way_on(failed, style, command)]) + "\n"


def wait_text(
    events: Iterable[Event], counts: tuple[int, int, int, int], style: Style, source: Source = lambda _: None
) -> str:
    """What did not get where it was waited for, after an apply that is done and recorded.

    `events` are the last of each wait, `counts` those of `tally`.
    """
    ended = list(events)
    failed = [event for event in ended if event.type is EventType.FAILED]
    resources = apply_summary(*counts).partition("! ")[2]
    where = "it" if len(ended) == 1 else "they"
    there = f"{len(ended) - len(failed)} of {counted(len(ended), 'training')} got where {where} should be."
    lines = wrapped(f"The apply is done and recorded. {resources} {there}", style)
    blocks = [line for block in diagnostic_blocks(_folded(failed), style, source) for line in ("", block)]
    return "\n".join([style.bold(style.red("Wait failed.")), *lines, *blocks]) + "\n"


def _folded(failed: list[Event]) -> Iterator[tuple[str, Diagnostic]]:
    """The failures, each with its address. What is said of several resources alike is told of the first, which counts the
    others; the notes, which may differ by the turn of a loop, are those of the first."""
    alike: dict[Diagnostic, list[tuple[str, Diagnostic]]] = {}
    for event in failed:
        for diagnostic in event.diagnostics:
            same = alike.setdefault(replace(diagnostic, notes=()), [])
            same.append((str(event.step.address), diagnostic))
    for same in alike.values():
        address, diagnostic = same[0]
        others = dict.fromkeys(other for other, _ in same if other != address)
        if others:
            note = f"the same for {counted(len(others), 'more resource')}: {some(others)}"
            diagnostic = replace(diagnostic, notes=(*diagnostic.notes, note))
        yield address, diagnostic


def _order(event: Event) -> int:
    return FINAL.index(event.type)


def _counts(final: list[Event]) -> str:
    done, failed, skipped = (sum(event.type is kind for event in final) for kind in FINAL)
    return f"{counted(done, 'step')} done, {failed} failed, {skipped} skipped."


def _row(event: Event, final: list[Event], pad: int, style: Style) -> str:
    paint: Callable[[str], str]
    match event.type:
        case EventType.FAILED:
            noun = VERBS[event.step.operation][1].lower()
            what = f"{noun} accepted, but not seen to end after" if event.accepted else f"{noun} failed after"
            word, paint, text = "failed", style.red, f"{what} {duration(event.elapsed)}"
        case _:
            word, paint, text = "skipped", style.yellow, _cause(event, final)
    address = style.safe(str(event.step.address))
    gap = " " * (pad - columns(address) + 2)
    return f"  {paint(word)}{' ' * (9 - len(word))}{address}{gap}{style.safe(text)}"


def _cause(event: Event, final: list[Event]) -> str:
    """Why a step was skipped: the other step of its own resource, or the failure at the root, not the steps between."""
    by_index = {other.step.index: other for other in final}
    undone = [
        other for index in event.step.needs if (other := by_index.get(index)) and other.type is not EventType.COMPLETED
    ]
    own = next((other for other in undone if other.step.address == event.step.address), None)
    if own is not None:
        return _own_cause(event.step, own)
    roots = _roots(event.step, by_index)
    if roots:
        verb = "waits for" if event.step.operation is Operation.DELETE else "needs"
        return f"{verb} {', '.join(roots)}, which failed"
    return skip_reason(event) or "not begun"


def _own_cause(step: Step, event: Event) -> str:
    """What did not happen to the same resource before."""
    undone = event.step
    if undone.operation is Operation.DELETE:
        return "its old object was not seen to go" if event.accepted else "its old object was not deleted"
    is_new = step.operation is Operation.DELETE and undone.operation is not Operation.ADOPT
    subject = "its replacement" if is_new else "it"
    return f"{subject} was not {DONE[undone.operation]}"


def _roots(step: Step, by_index: Mapping[int, Event]) -> list[str]:
    """The addresses of the failures that a step was skipped for."""
    todo, seen = list(step.needs), set[int]()
    roots: dict[str, None] = {}
    for index in todo:  # grows while it is walked
        other = by_index.get(index)
        if index in seen or other is None:
            continue
        seen.add(index)
        if other.type is EventType.FAILED:
            roots[str(other.step.address)] = None
        elif other.type is EventType.SKIPPED:
            todo += other.step.needs
    return list(roots)


def _losses(final: list[Event], style: Style, command: str) -> list[str]:
    """What is neither as it was nor as it should be, each a paragraph, and an empty line after them."""
    lines: list[str] = []
    for event in _half_replaced(final):
        step = event.step
        run = step.change.run if step.change is not None else None
        lost = f" Its volumes went with it: {some(run.volumes, 3)}." if run and run.volumes else ""
        old = "its deletion was accepted" if event.accepted else "the old one is gone"
        text = (
            f"{step.address}: {old}, and the new one is not there.{lost} The next {command} creates it; "
            "to go back, apply the old manifest, as your version control has it."
        )
        lines += [style.yellow(line) for line in wrapped(text, style)]
    return [*lines, ""] if lines else []


def _way_on(failed: list[Event], style: Style, command: str) -> list[str]:
    again = f"Mend what failed and run {command} again" if failed else f"Run {command} again"
    return wrapped(f"What is done is recorded. {again}: it goes on from here.", style)


def _half_replaced(final: list[Event]) -> list[Event]:
    """The deletions of those whose old object is gone, or about to be, while the new one is not there."""
    halves = [event for event in final if replaces(event.step)]
    uncreated = {
        event.step.address
        for event in halves
        if event.step.operation is Operation.CREATE and event.type is not EventType.COMPLETED
    }
    deleted = [event for event in halves if event.step.operation is Operation.DELETE]
    accepted = [event for event in deleted if event.accepted or event.type is EventType.COMPLETED]
    return [event for event in accepted if event.step.address in uncreated]
