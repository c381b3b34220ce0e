"""Where a kind lives at the control plane, as data."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Listing(Struct, frozen=True):
    """How all objects of a kind are read at once.

    `items` is the key of the rows in an answer. With `page_size` the listing is paged by `offset` and `limit`.
    """

    path: str
    items: str
    parameters: tuple[tuple[str, str], ...] = ()
    page_size: int | None = None


class Endpoint(Struct, frozen=True):
    """`path` takes the POST; `path/{id}` takes GET, DELETE and, where `updatable`, PUT.

    `deletes_slowly` says that a delete is only begun when it is answered.
    """

    path: str
    listing: Listing
    updatable: bool = False
    deletes_slowly: bool = False

    def of(self, id: str, action: str = "") -> str:
        return f"{self.path}/{id}" + (f"/{action}" if action else "")


def seconds(moment: str | None) -> float | None:
    """A time of an answer (RFC 3339) in seconds since the epoch; None where there is none that can be read."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else None
    except ValueError:
        return None
