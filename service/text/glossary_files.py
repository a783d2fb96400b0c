"""Glossaries that a server has: files as DeepL takes them, one per name and direction.

``company.en-de.tsv`` is the glossary `company` from English to German: on every line a term, a
tab, and its translation. ``company.en-de.csv`` is the same with commas, and quotes where a term
has one; DeepL's third and fourth column, the languages, may follow.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.errors import RequestError, SettingsError, UnknownGlossary
from service.text.glossary import Entry, Glossary

_FILE_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9_-]{1,64})\.(?P<source>[A-Za-z]{2,3})-(?P<target>[A-Za-z]{2,3})"
    r"\.(?P<kind>tsv|csv)"
)
_DELIMITERS = {"tsv": "\t", "csv": ","}
KINDS = tuple(_DELIMITERS)


@dataclass(frozen=True, slots=True)
class Glossaries:
    """The glossaries of a server, by name, source and target, codes in small letters."""

    of: Mapping[tuple[str, str, str], Glossary]

    def find(self, name: str, source: str, target: str) -> Glossary:
        """The glossary of that name for that direction.

        Raises:
            UnknownGlossary: There is none.
        """
        glossary = self.of.get((name, source.lower(), target.lower()))
        if glossary is not None:
            return glossary
        directions = sorted(f"{known[1]}-{known[2]}" for known in self.of if known[0] == name)
        if directions:
            raise UnknownGlossary(
                f"glossary {name} is not for {source}-{target}; it is for: {', '.join(directions)}"
            )
        names = ", ".join(dict.fromkeys(known[0] for known in self.of))
        raise UnknownGlossary(f"there is no glossary of that name; there are: {names or 'none'}")


def read_glossaries(directory: Path) -> Glossaries:
    """Read every glossary of a directory.

    Raises:
        SettingsError: It is no directory; a file in it is no glossary, cannot be read, or has
            a line that makes no sense. The message names file and line.
    """
    if not directory.is_dir():
        raise SettingsError(f"the glossaries directory {directory} does not exist")
    found: dict[tuple[str, str, str], Glossary] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        name = _FILE_NAME.fullmatch(path.name)
        if name is None:
            raise SettingsError(
                f"{path} is not the name of a glossary; it is NAME.SOURCE-TARGET.tsv or .csv"
            )
        key = name["name"], name["source"].lower(), name["target"].lower()
        if key in found:
            raise SettingsError(f"{path}: there is another glossary of that name and direction")
        found[key] = read_glossary(path)
    return Glossaries(found)


def read_glossary(path: Path) -> Glossary:
    """Read a file, whose name ends in one of `KINDS`.

    Raises:
        SettingsError: It cannot be read, or has a line that makes no sense.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return Glossary(_entries(text, _DELIMITERS[path.suffix.removeprefix(".")]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    except RequestError as error:
        raise SettingsError(f"{path}: {error}") from error


def _entries(text: str, delimiter: str) -> Iterator[Entry]:
    lines = io.StringIO(text, newline="")
    # In DeepL's tab-separated files a quote is a character like others.
    rows = (
        csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        if delimiter == "\t"
        else csv.reader(lines, delimiter=delimiter)
    )
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        place = f"line {rows.line_num}"
        if not 2 <= len(row) <= 4:
            raise RequestError(f"{place} has {len(row)} columns; it has to have 2")
        yield Entry(row[0], row[1], place)
