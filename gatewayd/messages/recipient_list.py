"""Lists of recipients that a person pastes or uploads: numbers, or a table as spreadsheets write it (CSV, RFC 4180)."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType

from config.language.text import Text

# Names of the column with the numbers, as `column_key` writes them.
_NUMBER_COLUMNS = frozenset(
    [
        "numero",
        "telephone",
        "tel",
        "mobile",
        "portable",
        "gsm",
        "destinataire",
        "contact",
        "number",
        "phone",
        "cellphone",
        "msisdn",
        "recipient",
        "to",
    ]
)

# A cell that holds a number: digits, and characters that people write between them.
_NUMBER = re.compile(r"\+?[0-9][0-9\s.()\-\u00a0\u202f\u2010-\u2015/]*", re.ASCII)
_SCIENTIFIC = re.compile(r"[0-9]+[.,]?[0-9]*E\+[0-9]+", re.ASCII | re.IGNORECASE)
_MARKS = re.compile(r"\{([^{}\r\n]{1,60})\}")

# Excel writes this line to name the separator.
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)

_SEPARATORS = ("\t", ";", ",")

_LINE_END = re.compile(r"\r\n|\r|\n")
_BETWEEN_NUMBERS = re.compile(r"[,;\t]")

_NONE: Mapping[str, str] = MappingProxyType({})


class RecipientListError(ValueError):
    """The list cannot be read. `text`: the reason, for the person who made it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Row:
    """A recipient. `line`: its line in the list, from 1. `values`: the cells of its row, by `column_key` of their columns."""

    line: int
    number: str  # as it was written
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecipientList:
    """The recipients in order, and the names of the columns; without a line of names there are none."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def decoded(raw: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, with or without a byte order mark."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    if b"\0" in raw[:200]:  # UTF-16 without a mark: digits and letters have a byte of zero
        return raw.decode("utf-16-be" if raw[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # As Excel writes in Western Europe and Africa; Latin-1 but for some signs between 0x80 and 0x9F.
        return raw.decode("cp1252", "replace")


def parsed(text: str) -> RecipientList:
    """Read a list.

    Numbers stand on lines of their own, or are separated by commas, semicolons or tabs. A table has one recipient on a line;
    where its first line names the columns, its cells can stand in the text.

    Raises RecipientListError, and no other exception.
    """
    text = text.removeprefix("\ufeff")
    if not any(map(str.isalpha, text)):
        return RecipientList((), tuple(_numbers(text)))
    named = _SEPARATOR_LINE.match(text)
    separator = named[1] if named is not None and named[1] in _SEPARATORS else None
    skipped = 0 if named is None else 1
    body = text[named.end() :] if named is not None else text
    rows = [
        (line + skipped, cells) for line, cells in _cells(body, separator or _separator(body)) if any(cells)
    ]
    if not rows:
        return RecipientList((), ())
    first = rows[0][1]
    if any(map(_looks_like_number, first)):
        return RecipientList((), tuple(_without_names(rows)))
    number = _number_column(first, [cells for _, cells in rows[1:20]])
    keys = [column_key(name) for name in first]
    return RecipientList(
        tuple(name for name in first if name),
        tuple(Row(line, _at(cells, number), _by_key(keys, cells)) for line, cells in rows[1:]),
    )


def column_key(name: str) -> str:
    """The name of a column for comparison: without case, accents and blanks."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(
        character for character in plain if not unicodedata.combining(character) and not character.isspace()
    )


def names_in(text: str) -> tuple[str, ...]:
    """The names in braces in a text, each once."""
    return tuple(dict.fromkeys(_MARKS.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with each name in braces replaced by its cell. Names without a cell stay as they are."""
    return _MARKS.sub(lambda found: values.get(column_key(found[1]), found[0]), text)


def written_by_spreadsheet(number: str) -> bool:
    """Whether a spreadsheet rounded a number, as 2.237E+10: its last digits are lost."""
    return _SCIENTIFIC.fullmatch(number) is not None


def _numbers(text: str) -> Iterator[Row]:
    """The recipients of a text without letters, whatever separates them."""
    for line, content in enumerate(_LINE_END.split(text), 1):
        for cell in map(_cell, _BETWEEN_NUMBERS.split(content)):
            if cell:
                yield Row(line, cell, _NONE)


def _cells(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the lines on which they begin."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    line = 1
    try:
        for cells in reader:
            yield line, [_cell(one) for one in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise RecipientListError(
            Text("line {line} of the list cannot be read: is a quotation mark left open?", line=line)
        ) from error


def _cell(written: str) -> str:
    """The content of a cell. Some programs write numbers as ="70123456" or '70123456, so that Excel keeps their digits."""
    cell = written.strip()
    if cell.startswith('="') and cell.endswith('"') and len(cell) > 2:
        cell = cell[2:-1].strip()
    return cell.removeprefix("'").strip() if _looks_like_number(cell.removeprefix("'")) else cell


def _separator(text: str) -> str:
    """The separator that the first line with content has most often, outside quotation marks; a comma without any."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    outside = re.sub(r'"[^"]*"', "", first)
    best = max(_SEPARATORS, key=outside.count)
    return best if best in outside else ","


def _looks_like_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _without_names(rows: Sequence[tuple[int, list[str]]]) -> Iterator[Row]:
    """The recipients of rows without a line of names: each cell of a line of numbers, or the first number of another line."""
    for line, cells in rows:
        numbers = [cell for cell in cells if cell]
        if not all(map(_looks_like_number, numbers)):
            numbers = [next(filter(_looks_like_number, numbers), numbers[0])]
        for number in numbers:
            yield Row(line, number, _NONE)


def _number_column(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The column with the numbers: the one with a known name, else the first one with a number in it."""
    for column, name in enumerate(names):
        if column_key(name) in _NUMBER_COLUMNS:
            return column
    for column in range(len(names)):
        if any(_looks_like_number(_at(cells, column)) for cells in rows):
            return column
    raise RecipientListError(Text("the list has no number: name one column of its first line “number”"))


def _at(cells: Sequence[str], column: int) -> str:
    return cells[column] if column < len(cells) else ""


def _by_key(keys: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    """The cells of a row by the keys of their columns; of equal ones the first counts."""
    values: dict[str, str] = {}
    for column, key in enumerate(keys):
        if key:
            values.setdefault(key, _at(cells, column))
    return values
