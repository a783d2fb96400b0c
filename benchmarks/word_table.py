"""Give the Transformer peer a shortlist that is made as ours are.

    python -m benchmarks.word_table RUN PEER

The table of `model_export.shortlist`, learned from the same training pairs, in the words of
CTranslate2's vocabulary map. What differs is its use: CTranslate2 scores, for all sources of a
batch, the union of what they allow.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.text_job import CONVERTED, SHORTLIST_FILE
from model_export.config import ShortlistConfig
from model_export.shortlist import build_shortlist
from model_export.vocabulary import load_vocabulary
from service.decoding.shortlist import NO_CANDIDATE, Shortlist
from service.text.tokenizer import Tokenizer


def main() -> int:
    """Write PEER/ctranslate2/vmap.txt."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.word_table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="the run directory that the peer was trained on")
    parser.add_argument("peer", type=Path, help="directory that convert_transformer has filled")
    arguments = parser.parse_args()
    tokenizer = load_vocabulary(arguments.run)
    shortlist = build_shortlist(ShortlistConfig(), arguments.run, tokenizer)
    if shortlist is None:
        parser.error("the vocabulary is too small to be shortened")
    path = arguments.peer / CONVERTED / SHORTLIST_FILE
    path.write_text("".join(map_lines(shortlist, tokenizer)), encoding="utf-8")
    return 0


def map_lines(shortlist: Shortlist, tokenizer: Tokenizer) -> Iterator[str]:
    """Lines "source token, tab, target tokens"; without a source token, for every source."""

    def line(given: str, ids: list[int]) -> str:
        return f"{given}\t{' '.join(tokenizer.pieces(ids))}\n"

    yield line("", shortlist.frequent.tolist())
    for token, row in enumerate(shortlist.lexical):
        candidates = row[row != NO_CANDIDATE].tolist()
        if candidates:
            yield line(tokenizer.pieces([token])[0], candidates)


if __name__ == "__main__":
    sys.exit(main())
