"""How good an output is: what `evaluate` prints and what training stops on.

Every function takes whole lists (outputs and what they are compared with, aligned) and
returns a `Score`: the value, a signature that says exactly what was computed, and which way
is better. Percentages run from 0 to 100 throughout, chrF included.

    overlap      against a reference: BLEU, chrF, Moses multi-bleu, ROUGE, BLEU by length
    faults       without a reference, by the rules of the service's guard: loops, copies ...
    compression  against a shortened source: token F1, exact matches, how much is kept
"""

from model_export.metrics.compression import (
    characters_kept,
    deletion_only,
    exact_matches,
    token_f1,
)
from model_export.metrics.faults import (
    empty_outputs,
    loops,
    lost_numbers,
    repetitions,
    source_copies,
    unsupported_names,
    unsupported_numbers,
)
from model_export.metrics.overlap import (
    LengthBucket,
    RougeScores,
    bleu,
    bleu_by_source_length,
    chrf,
    multi30k_bleu,
    positions_by_length,
    rouge,
    sentence_bleu,
    sentence_chrf,
    sentence_rouge_l,
)
from model_export.metrics.score import Better, Score

__all__ = [
    "Better",
    "LengthBucket",
    "RougeScores",
    "Score",
    "bleu",
    "bleu_by_source_length",
    "characters_kept",
    "chrf",
    "deletion_only",
    "empty_outputs",
    "exact_matches",
    "loops",
    "lost_numbers",
    "multi30k_bleu",
    "positions_by_length",
    "repetitions",
    "rouge",
    "sentence_bleu",
    "sentence_chrf",
    "sentence_rouge_l",
    "source_copies",
    "token_f1",
    "unsupported_names",
    "unsupported_numbers",
]
