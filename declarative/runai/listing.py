"""Lists, page by page, and several pages at a time once there are many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from declarative.errors import Unintelligible
from declarative.runai.transport import Transport

# How many pages are asked for at once, round by round: what fits into two pages costs no request too many.
AT_ONCE = (1, 1, 2, 4)


async def pages(
    transport: Transport, path: str, items: str, parameters: Mapping[str, str], size: int | None
) -> AsyncIterator[Mapping[str, Any]]:
    """The items of a listing, each once. With `size` it is read page by page: as `next` says, or until a page is short.

    A row that moves from one page to another meanwhile is missed, or told twice, whether pages are read in turn or at
    once: who has to know whether something is gone asks for it by its id.
    """
    offset, tells, turn = 0, False, 0
    seen: set[str] = set()
    while True:
        offsets = [offset + number * (size or 0) for number in range(AT_ONCE[min(turn, len(AT_ONCE) - 1)])]
        turn += 1
        for at, answer in zip(offsets, await _answers(transport, path, parameters, offsets, size), strict=True):
            # What was asked for beyond the end may be refused: nobody comes this far then.
            if isinstance(answer, BaseException):
                raise answer
            found = rows_of(answer, path, items)
            new = [row for row in found if identity(row) not in seen]
            seen |= {identity(row) for row in new}
            for row in new:
                yield row
            # A server may cut pages shorter than asked for, and then says where the next one begins.
            following = answer.get("next") if isinstance(answer, dict) else None
            tells = tells or following is not None
            if not size or not new or (following is None and (tells or len(found) < size)):
                return
            offset = following if isinstance(following, int) and following > at else at + len(found)
            if offset != at + size:
                turn = 1  # the other pages were asked for at the wrong places
                break


async def _answers(
    transport: Transport, path: str, parameters: Mapping[str, str], offsets: list[int], size: int | None
) -> list[Any]:
    """The answers for pages that begin at `offsets`, or what came instead of each."""

    def page(offset: int) -> dict[str, int]:
        return {"offset": offset, "limit": size} if size else {}

    asked = (transport.get(path, {**parameters, **page(offset)}) for offset in offsets)
    return await asyncio.gather(*asked, return_exceptions=True)


def rows_of(answer: Any, path: str, items: str) -> list[Any]:
    """The rows of one answer. One without rows tells nothing, least of all that there are none."""
    found = answer.get(items, ()) if isinstance(answer, dict) else answer
    if found is None:  # an empty list, as some servers write it
        return []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Unintelligible.answer(f"GET {path}", f"without a list of {items}")
    return found


def identity(row: Mapping[str, Any]) -> str:
    """The id of a row, wherever its list has it."""
    about = row.get("meta") or row
    return str(about.get("id") or about.get("uuid"))
