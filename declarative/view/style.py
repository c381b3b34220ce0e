"""How text looks: colours, characters and width, and what keeps a hostile value from leaking into the terminal."""

from __future__ import annotations

from msgspec import Struct

from declarative.manifest.writing import escaped


class Style(Struct, frozen=True):
    """`unicode` False keeps all output in ASCII; `width` counts columns. Colour never carries meaning alone."""

    color: bool = False
    unicode: bool = True
    width: int = 80

    @property
    def arrow(self) -> str:
        return "→" if self.unicode else "->"

    @property
    def ellipsis(self) -> str:
        return "…" if self.unicode else "..."

    @property
    def bar(self) -> str:
        return "│" if self.unicode else "|"

    def bold(self, text: str) -> str:
        return self._paint("1", text)

    def dim(self, text: str) -> str:
        return self._paint("2", text)

    def red(self, text: str) -> str:
        return self._paint("31", text)

    def green(self, text: str) -> str:
        return self._paint("32", text)

    def yellow(self, text: str) -> str:
        return self._paint("33", text)

    def cyan(self, text: str) -> str:
        return self._paint("36", text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def shows(self, character: str) -> bool:
        """Whether a character can be shown as it is: no control, no bidirectional override, nothing invisible."""
        return character.isprintable() and (self.unicode or character.isascii())

    def safe(self, text: str) -> str:
        """Text from outside on one line, with an escape such as `\\x1b` for what may not be shown as it is."""
        if text.isprintable() and (self.unicode or text.isascii()):
            return text
        return "".join(character if self.shows(character) else escaped(character) for character in text)
