"""What a peer is asked to translate; no libraries, for both sides of the pipe."""

from dataclasses import dataclass

# The converted model in the peer's directory.
CONVERTED = "ctranslate2"
# Its files that are no part of CTranslate2's own model.
VOCABULARY = "vocabulary.spm"
SHORTLIST_FILE = "vmap.txt"


@dataclass(frozen=True, slots=True)
class TextJob:
    """Lines to translate, and how.

    Attributes:
        lines: One sentence each.
        beam: Hypotheses kept.
        workers: Batches translated side by side, one thread each.
        batch: Most of what a batch holds.
        batch_type: Of what: "examples" or "tokens".
        shortlist: Whether to score only the tokens that the model's word table allows.
        from_text: Whether tokenising and joining are on the clock.
        length_penalty: As ours, so that both rank alike.
        max_decoding_length: Target tokens after which a search that runs wild ends.
    """

    lines: tuple[str, ...]
    beam: int
    workers: int
    batch: int
    batch_type: str
    shortlist: bool
    from_text: bool
    length_penalty: float
    max_decoding_length: int
