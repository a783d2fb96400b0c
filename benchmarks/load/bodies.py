"""What requests say: ordinary sentences, alone and together, and sources that are long."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.text.tokenizer import Tokenizer

_SENTENCES = Path(__file__).resolve().parent.parent / "sentences.txt"


def sentences(seed: int = 1) -> list[str]:
    """English sentences of 4 to 21 words, each its own line of sentences.txt, shuffled."""
    lines = _SENTENCES.read_text(encoding="utf-8").splitlines()
    random.Random(seed).shuffle(lines)
    return lines


def translate_bodies(texts: Sequence[str], per_request: int, **fields: Any) -> tuple[bytes, ...]:
    """Bodies for /translate, English to German, that hold every text equally often.

    Args:
        texts: What to translate.
        per_request: Texts in each body; a lone one is sent as a string, as clients do.
        fields: Added to each.
    """
    if per_request == 1:
        wanted: list[Any] = list(texts)
    else:
        endless = itertools.cycle(texts)
        wanted = [list(itertools.islice(endless, per_request)) for _ in texts]
    return tuple(json_body(q=each, source="en", target="de", **fields) for each in wanted)


def json_body(**fields: Any) -> bytes:
    """A body of these fields."""
    return json.dumps(fields).encode()


def long_source(texts: Sequence[str], tokens: int, tokenizer: Tokenizer) -> str:
    """Sentences run together into one, of at most `tokens` tokens, that no splitter takes apart."""
    clauses = [text.rstrip(".?!").replace(".", "") for text in texts]
    taken = clauses[:1]
    for clause in clauses[1:]:
        if len(tokenizer.encode(", ".join([*taken, clause]) + ".")) > tokens:
            break
        taken.append(clause)
    return ", ".join(taken) + "."


def short_texts(texts: Sequence[str], tokens: int, tokenizer: Tokenizer) -> list[str]:
    """Beginnings of sentences, in whole words and about `tokens` tokens."""
    shortened = []
    for text in texts:
        words = text.rstrip(".?!,").split()
        while len(words) > 1 and len(tokenizer.encode(" ".join(words) + ".")) > tokens:
            words.pop()
        shortened.append(" ".join(words).rstrip(",") + ".")
    return shortened
