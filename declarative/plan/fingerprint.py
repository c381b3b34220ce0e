"""What a change was planned against, summed up."""

from __future__ import annotations

from declarative.model.observed import Observed
from declarative.model.record import Record
from declarative.model.value import digest
from declarative.plan.veil import Veil


def fingerprint(record: Record | None, observed: Observed | None, veil: Veil) -> str:
    """Equal as long as nothing that a plan depends on has moved. Progress between phases does not count."""
    known = record and [
        record.id,
        record.applied and veil.over(record.applied),
        record.intent and record.intent.digest,
        [str(address) for address in record.depends_on],
        record.prevent_destroy,
        record.keep_on_destroy,
    ]
    visible = observed and [
        observed.id,
        observed.readiness.presence,
        observed.readiness.finished,
        observed.desired_phase,
        observed.body and veil.over(observed.body),
    ]
    return digest([known, visible])
