"""Terms on the command line: what is asked for, and what became of it."""

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.cli.status import CommandFailed
from service.errors import SettingsError
from service.text.glossary_files import KINDS, read_glossary

# More than these are not named one by one.
_NAMED = 10


def add_terms(parser: argparse.ArgumentParser) -> None:
    """Declare how to say which terms there are."""
    parser.add_argument(
        "--glossary",
        metavar="FILE_OR_NAME",
        help="a .tsv or .csv file of terms and their translations, or a glossary's name, "
        "in SEQ2SERVE_GLOSSARIES_DIR or on the server",
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="TERM",
        help="a term that stays as it is; may be repeated",
    )


def fields_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fields of a request for the terms that were asked for; none for none.

    Raises:
        CommandFailed: A file of terms cannot be read, or makes no sense.
    """
    fields: dict[str, Any] = {}
    if arguments.glossary is not None and (glossary := _glossary(arguments.glossary)):
        fields["glossary"] = glossary
    if arguments.keep:
        fields["do_not_translate"] = arguments.keep
    return fields


def _glossary(file_or_name: str) -> str | dict[str, str]:
    """What stands in a file; the name of a glossary has no dot in it, and so no such end."""
    path = Path(file_or_name)
    if path.suffix.removeprefix(".") not in KINDS:
        return file_or_name
    try:
        entries = read_glossary(path).entries
    except SettingsError as error:
        raise CommandFailed(str(error)) from None
    return {entry.source: entry.target for entry in entries if entry.target is not None}


class TermCount:
    """How many terms held."""

    def __init__(self) -> None:
        """Nothing was answered yet."""
        self._places = 0
        self._lost: Counter[str] = Counter()

    def hear(self, answer: Mapping[str, Any]) -> None:
        """Count the terms of an answer to a list of texts."""
        for terms in answer["terms"]:
            for term in terms:
                self._places += 1
                if not term["held"]:
                    self._lost[term["source"]] += 1

    def summary(self) -> str:
        """Worked case: ``terms held: 40 of 43; not held: bank (2), Ufer (1)``."""
        held = f"terms held: {self._places - self._lost.total()} of {self._places}"
        if not self._lost:
            return held
        named = [f"{term} ({count})" for term, count in self._lost.most_common(_NAMED)]
        rest = len(self._lost) - len(named)
        return f"{held}; not held: {', '.join(named)}" + (f" and {rest} more" if rest else "")
