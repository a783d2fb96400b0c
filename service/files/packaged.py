"""A document that is an archive of XML: paragraphs in trees in an archive."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.files.archive import Archive, write_archive
from service.files.document import Allowance, FileLimits, Passage
from service.files.inline import Flat, Item, restore
from service.files.xml import Tree, parse, serialise
from service.markup.tagged import plain_text


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph.

    Attributes:
        flat: What is in it.
        put: Replaces what is in it, in its tree.
    """

    flat: Flat
    put: Callable[[Sequence[Item]], None]


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


def read_parts(
    archive: Archive,
    parts: Sequence[str],
    paragraphs_of: Callable[[Tree], Iterator[Paragraph]],
    limits: FileLimits,
) -> PackagedDocument:
    """Read the paragraphs of a document; those without a letter stay as they are.

    Args:
        archive: The file.
        parts: Entries of it that are XML with paragraphs, in the order of translation.
        paragraphs_of: Finds them in such a tree, and changes nothing.
        limits: Of the file.

    Raises:
        RequestError: A part is damaged.
        TooLarge: There is more text, or there are more tags or paragraphs, than allowed.
    """
    allowance = Allowance(limits)
    trees: dict[str, Tree] = {}
    paragraphs: list[Paragraph] = []
    for part in parts:
        allowance.take_tags(archive.contents[part])
        tree = parse(archive.contents[part], part)
        for paragraph in paragraphs_of(tree):
            allowance.take(paragraph.flat.passage)
            if any(map(str.isalpha, plain_text(paragraph.flat.passage))):
                paragraphs.append(paragraph)
                trees[part] = tree
    return PackagedDocument(archive, trees, paragraphs)
