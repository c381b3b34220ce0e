"""`declarative drift`."""

from __future__ import annotations

from typing import Any

import click

from declarative import workflow
from declarative.cli import planning
from declarative.cli.command import Command
from declarative.cli.options import Context, context, global_options, parallelism_option
from declarative.cli.outputs import Stream, timestamp
from declarative.event_loop import completed
from declarative.session import Session, connected, open_session
from declarative.state.store import Snapshot


@click.command(cls=Command)
@parallelism_option
@click.option("--json", "as_json", is_flag=True, help="Print a stream of events, one JSON object a line.")
@global_options
@click.pass_obj
def command(outer: dict[str, Any], /, as_json: bool, **given: Any) -> int:
    """Show what others have changed since the last apply. Reads only, needs no manifests, and writes nothing at all.

    Ends with 2 when what is live differs from what was last applied. What a manifest ignores (ignoreChanges) is left out.

    \b
    Examples:
      declarative drift
      declarative drift -e prod --json || notify
    """
    found = context(given, outer)
    stream = Stream(found.console, as_json=as_json)
    stream.begin()
    session = open_session(found.settings)
    planning.announce(found, session)
    snapshot = session.store.load()  # before the event loop; see `plan`
    drifted, same, doubts = completed(_look(found, session, snapshot))
    recorded = len(snapshot.records)
    planning.fail(planning.tell(found.console, doubts, stream))
    if as_json:
        from declarative.view.stream import drift_events, drift_summary_event

        stream.write(drift_events(drifted, timestamp()))
        stream.write([drift_summary_event(drifted, recorded, session.endpoint, timestamp())])
    else:
        from declarative.view.drift import drift_text

        found.console.out(drift_text(drifted, same, recorded, session.endpoint, found.console.style))
    return 2 if drifted else 0


async def _look(found: Context, session: Session, snapshot: Snapshot) -> workflow.Drift:
    async with connected(session, read_only=True) as transport:
        with found.console.reading():
            return await workflow.find_drift(session, transport, snapshot)
