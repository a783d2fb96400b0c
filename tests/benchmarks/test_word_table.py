"""The peer's shortlist in CTranslate2's words."""

import numpy as np

from benchmarks.word_table import map_lines
from service.decoding.shortlist import NO_CANDIDATE, Shortlist
from service.text.tokenizer import Tokenizer


def test_a_word_table_says_what_the_shortlist_says(tokenizer: Tokenizer) -> None:
    lexical = np.full((tokenizer.vocabulary_size, 2), NO_CANDIDATE)
    lexical[300] = (301, 302)
    lexical[310, 0] = 303
    shortlist = Shortlist(np.array([3, 305]), lexical)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    assert list(map_lines(shortlist, tokenizer)) == [
        f"\t{pieces[3]} {pieces[305]}\n",
        f"{pieces[300]}\t{pieces[301]} {pieces[302]}\n",
        f"{pieces[310]}\t{pieces[303]}\n",
    ]
