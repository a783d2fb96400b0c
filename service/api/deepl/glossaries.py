"""The server's glossaries as DeepL lists them: an id for each name and direction."""

import datetime as dt
from collections.abc import Iterator

from service.api.deepl.responses import DeepLGlossary
from service.errors import UnknownGlossary
from service.text.glossary_files import Glossaries


def listed(glossaries: Glossaries, read_at: dt.datetime) -> Iterator[DeepLGlossary]:
    """All of them.

    Args:
        glossaries: The server's.
        read_at: When it read them.
    """
    for (name, source, target), glossary in glossaries.of.items():
        yield DeepLGlossary(
            glossary_id=f"{name}.{source}-{target}",
            name=name,
            ready=True,
            source_lang=source,
            target_lang=target,
            creation_time=read_at.isoformat(),
            entry_count=len(glossary),
        )


def named(glossary_id: str, source: str, target: str) -> str:
    """The name in an id, or the id if it is one.

    Raises:
        UnknownGlossary: The id is that of a glossary for another direction.
    """
    name, dot, direction = glossary_id.partition(".")
    if dot and direction.lower() != f"{source}-{target}".lower():
        raise UnknownGlossary(f"glossary_id {glossary_id[:80]} is not for {source}-{target}")
    return name
