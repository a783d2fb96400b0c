"""A converted Transformer that translates lines with CTranslate2; runs in `.venv-peers`.

Answers two questions: `load`, and `translate`, whose job is a `TextJob`.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece

from benchmarks.peers.protocol import reply
from benchmarks.peers.text_job import SHORTLIST_FILE, VOCABULARY, TextJob

_Tokens = list[list[str]]


class TextPeer:
    """One model directory; the translators it was asked to run with."""

    def __init__(self) -> None:
        self._directory = Path()
        self._processor: Any = None
        self._translators: dict[int, Any] = {}

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """See the module."""
        match question["do"]:
            case "load":
                return {"about": self._load(Path(question["settings"]["directory"]))}
            case "translate":
                seconds, texts = self._translate(TextJob(**question["job"]))
                return {"seconds": seconds, "texts": texts}
            case unknown:
                raise ValueError(f"nothing is known of {unknown!r}")

    def _load(self, directory: Path) -> Mapping[str, Any]:
        self._directory = directory
        self._processor = sentencepiece.SentencePieceProcessor(
            model_file=str(directory / VOCABULARY)
        )
        return {
            "version": ctranslate2.__version__,
            "shortlist": (directory / SHORTLIST_FILE).is_file(),
        }

    def _translate(self, job: TextJob) -> tuple[float, list[str]]:
        """Seconds, and the lines' translations.

        The clock runs from texts to texts, or from tokens to tokens.
        """
        translator = self._translator(job.workers)
        prepared = None if job.from_text else self._tokens(job.lines)
        began_s = time.perf_counter()
        tokens = self._tokens(job.lines) if prepared is None else prepared
        answers = _decoded(translator, job, tokens)
        texts = self._texts(answers) if job.from_text else None
        seconds = time.perf_counter() - began_s
        return seconds, self._texts(answers) if texts is None else texts

    def _tokens(self, lines: Sequence[str]) -> _Tokens:
        pieces: _Tokens = self._processor.encode(list(lines), out_type=str)
        return pieces

    def _texts(self, answers: _Tokens) -> list[str]:
        texts: list[str] = self._processor.decode(answers)
        return texts

    def _translator(self, workers: int) -> Any:
        if workers not in self._translators:
            # A batch for each core: several threads in one batch are slower at these sizes.
            self._translators[workers] = ctranslate2.Translator(
                str(self._directory),
                device="cpu",
                compute_type="int8",
                inter_threads=workers,
                intra_threads=1,
            )
        return self._translators[workers]


def _decoded(translator: Any, job: TextJob, tokens: _Tokens) -> _Tokens:
    # Sorts by length before it cuts batches.
    results = translator.translate_batch(
        tokens,
        max_batch_size=job.batch,
        batch_type=job.batch_type,
        beam_size=job.beam,
        length_penalty=job.length_penalty,
        max_decoding_length=job.max_decoding_length,
        max_input_length=0,
        use_vmap=job.shortlist,
    )
    return [result.hypotheses[0] for result in results]


if __name__ == "__main__":
    reply(TextPeer().answer)
