"""White space that a model does not see, put back where it still makes sense."""

from collections.abc import Sequence
from itertools import pairwise

from service.text.alignment import AlignedWord, words

_PLAIN = " \t\n\r\f\v"


def has_special(text: str) -> bool:
    """Whether there is white space that is more than a space: one that does not break, say."""
    return any(character.isspace() and character not in _PLAIN for character in text)


def with_special(source: str, target: str, aligned: Sequence[AlignedWord]) -> str:
    """`target`, character for character, with the special spaces of `source`.

    Each stands between the words that came of those beside it, if these are beside each other;
    otherwise there is no reason for it any more.

    Args:
        source: The text that was translated, with its white space.
        target: Its translation.
        aligned: Words of `target` and words of `source` behind them, strongest first.
    """
    special = {
        (one, other): space[0]
        for one, other in pairwise(words(source))
        if (space := source[one[1] : other[0]].strip(_PLAIN))
    }
    if not special:
        return target
    came_of = {word.span: word.sources[0].span for word in aligned if word.sources}
    characters = list(target)
    for one, other in pairwise(words(target)):
        if one not in came_of or other not in came_of or target[one[1] : other[0]] != " ":
            continue
        characters[one[1]] = special.get((came_of[one], came_of[other]), " ")
    return "".join(characters)
