"""Words as the other modules compare them."""

import re

# "six-month", "Iger's", "U.S", "AT&T" are one word each.
WORD = re.compile(r"\w+(?:[-'.&]\w+)*")


def folded_words(text: str) -> list[str]:
    """The words of `text` without case; punctuation between them is left out."""
    return WORD.findall(text.casefold())
