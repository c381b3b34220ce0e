"""Which items of one list are the same as those of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from declarative.model.value import Value


def partners(
    wanted: Sequence[Value], items: Sequence[Value], keys: tuple[str, ...], fits: Callable[[Value, Value], bool]
) -> list[int | None]:
    """For each wanted item the index of the same one among `items`, each taken once; None where there is none.

    The first of `keys` that two items both have decides whether they are the same. Of several with one name, those that
    already are as wanted (`fits`) find each other first, so that their order does not matter.
    """
    named: dict[tuple[str, Value], list[int]] = {}
    for index, item in enumerate(items):
        for key, name in _names(item, keys):
            named.setdefault((key, name), []).append(index)
    found: list[int | None] = [None] * len(wanted)
    taken: set[int] = set()
    for fitting in (True, False):
        for place, one in enumerate(wanted):
            if found[place] is not None:
                continue
            for index in (index for name in _names(one, keys) for index in named.get(name, ())):
                if index not in taken and is_same(one, items[index], keys) and (not fitting or fits(one, items[index])):
                    found[place] = index
                    taken.add(index)
                    break
    return found


def is_same(one: Value, other: Value, keys: tuple[str, ...]) -> bool:
    """Whether two items are the same item: the first key that both have decides."""
    for key in keys:
        name, other_name = one.get(key), other.get(key)
        if name is not None and other_name is not None:
            return bool(_plain(key, name) == _plain(key, other_name))
    return False


def item_name(item: Value, keys: tuple[str, ...]) -> str:
    """What an item is called."""
    return str(next((name for _, name in _names(item, keys)), ""))


def _names(item: Value, keys: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """The keys that an item has, with their values."""
    if isinstance(item, Mapping):
        yield from ((key, _plain(key, item[key])) for key in keys if item.get(key) is not None)


def _plain(key: str, name: Value) -> Value:
    """A name as it compares: case means nothing to a UUID."""
    return name.lower() if key == "id" and isinstance(name, str) else name
