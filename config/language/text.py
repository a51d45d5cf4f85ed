"""A sentence for a person, which can be said in another language later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Text(str):
    """The English sentence, together with its template and values.

    It is an ordinary string wherever English is good enough. `catalogue.translated` says it in another language. The template is
    a literal, in the form of `str.format` with named values, so that the catalogues can be checked against the code.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Text:
        """The sentence of a template. A value that is a Text itself is translated with the sentence."""
        text = super().__new__(cls, template.format(**values) if values else template)
        text.template = template
        text.values = values
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        """For copies: the arguments of `__new__`."""
        return (self.template,), dict(self.values)


class Sentences(Text):
    """Several texts one after the other, with a separator between them. Empty ones are left out."""

    __slots__ = ("separator", "texts")

    texts: tuple[str, ...]
    separator: str

    def __new__(cls, texts: Iterable[str], /, separator: str = " ") -> Sentences:
        """The texts, joined. Those that are not of the class Text stay as they are in every language."""
        kept = tuple(filter(None, texts))
        joined = str.__new__(cls, separator.join(kept))
        joined.template, joined.values = "", {}
        joined.texts, joined.separator = kept, separator
        return joined

    def __getnewargs_ex__(self) -> tuple[tuple[tuple[str, ...], str], dict[str, object]]:  # type: ignore[override]
        """For copies: the arguments of `__new__`."""
        return (self.texts, self.separator), {}


def text_of(error: BaseException) -> str:
    """The text of an exception: a Text where it was made of one."""
    return error.args[0] if error.args and isinstance(error.args[0], Text) else str(error)
