"""`apply --wait`: after the apply, without its lock, until its trainings are where they should be."""

from __future__ import annotations

import asyncio

from declarative.apply.clock import SystemClock
from declarative.apply.waiting import Waiting, Wish, lacking
from declarative.cli.console import Console
from declarative.cli.outputs import Stream
from declarative.cli.progress import Progress
from declarative.diagnostics import Diagnostic
from declarative.errors import ControlPlaneError, DeclarativeError
from declarative.model.event import Event, EventType
from declarative.runai.remote import Remote
from declarative.session import Session, connected
from declarative.view.failure import wait_text


def wait(
    console: Console,
    session: Session,
    wanted: tuple[Wish, ...],
    seconds: float,
    counts: tuple[int, int, int, int],
    stream: Stream,
) -> bool:
    """Whether all that is wanted came about, told as it happens. `counts` are those of `tally`.

    Raises DeclarativeError when it is interrupted: the apply itself is done and recorded.
    """
    progress = Progress(console, stream, len(wanted), waits=True)
    try:
        ended = asyncio.run(_until_there(session, wanted, seconds, progress))
    except (KeyboardInterrupt, asyncio.CancelledError):
        detail = "The apply itself is done and recorded; only the wait for its trainings ends here."
        raise DeclarativeError(
            Diagnostic("Wait interrupted", detail, "see how they are with declarative plan")
        ) from None
    if progress.unheard is not None:
        raise progress.unheard
    failed = any(event.type is EventType.FAILED for event in ended)
    if failed and not stream.replaces_text:
        console.note("\n" + wait_text(ended, counts, console.error_style, console.source))
    return not failed


def under_way(session: Session, wanted: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """Those of what an apply left alone that are not yet where they should be, as far as can be told."""

    async def looked() -> tuple[Wish, ...]:
        async with connected(session, read_only=True) as transport:
            try:
                return await lacking(Remote(transport), wanted)
            except ControlPlaneError:
                return wanted  # the wait goes on asking

    return asyncio.run(looked()) if wanted else ()


async def _until_there(
    session: Session, wanted: tuple[Wish, ...], seconds: float, progress: Progress
) -> tuple[Event, ...]:
    async with connected(session, read_only=True) as transport:
        with progress:
            return await Waiting(Remote(transport), SystemClock(), progress.event, seconds).until_there(wanted)
