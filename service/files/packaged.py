"""A document that is an archive of XML: paragraphs in trees in an archive."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.files.archive import Archive, write_archive
from service.files.document import Passage
from service.files.inline import Flat, Item, flatten, restore
from service.files.xml import Tree, serialise
from service.markup.tagged import plain_text


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph with words in it.

    Attributes:
        flat: What is in it.
        put: Replaces what is in it, in its tree.
    """

    flat: Flat
    put: Callable[[Sequence[Item]], None]


def paragraph_of(items: Sequence[Item], put: Callable[[Sequence[Item]], None]) -> Paragraph | None:
    """A paragraph; None when it has no letter, so that it stays as it is."""
    flat = flatten(items)
    if not any(character.isalpha() for character in plain_text(flat.passage)):
        return None
    return Paragraph(flat, put)


@dataclass(frozen=True, slots=True)
class PackagedDocument:
    """See `Document`.

    Attributes:
        archive: The file.
        trees: Its XML that has paragraphs, by name of entry.
        paragraphs: In reading order.
    """

    archive: Archive
    trees: Mapping[str, Tree]
    paragraphs: Sequence[Paragraph]

    @property
    def passages(self) -> Sequence[Passage]:
        """See `Document`."""
        return [paragraph.flat.passage for paragraph in self.paragraphs]

    def written(self, translations: Sequence[Passage]) -> bytes:
        """See `Document`."""
        for paragraph, translation in zip(self.paragraphs, translations, strict=True):
            paragraph.put(restore(paragraph.flat, translation))
        changed = {name: serialise(tree) for name, tree in self.trees.items()}
        return write_archive(self.archive, changed)
