"""A translator whose every word, weight and probability a test can foretell."""

from service.domain import FinishReason
from service.pipeline.request import TextRequest
from service.pipeline.response import Hypothesis, Sentence, StageTimes, TextResponse, Token
from service.text.alignment import AlignedWord, SourceWord, words
from service.text.normalise import Span
from service.trust.guard import Problem

STRONG, WEAK = 0.8, 0.15
# Of a word that begins with q, nobody is ever sure.
SURE, UNSURE = -0.01, -3.0


def backwards(request: TextRequest) -> TextResponse:
    """The words of each line in capitals, last one first; each line is a sentence.

    A word looked at its source, and a little at the word after that. Alternative n has n "!"
    more. The guard misses a number where there is a 2.
    Longer sentences are worse.
    """
    count = request.options.num_hypotheses or 1
    texts = [""] * count
    sentences = []
    place = 0
    for line in request.text.split("\n"):
        if place:
            texts = [text + "\n" for text in texts]
        if words(line):
            hypotheses = []
            for rank in range(count):
                hypotheses.append(_hypothesis(line, place, len(texts[rank]), "!" * rank))
                texts[rank] += hypotheses[-1].text
            span = (place, place + len(line))
            problems = (Problem.LOST_NUMBER,) if "2" in line else ()
            sentences.append(
                Sentence(
                    span,
                    False,
                    tuple(hypotheses),
                    4,
                    4,
                    problems=problems,
                    confidence=1 / len(words(line)) if request.want_confidence else None,
                )
            )
        place += len(line) + 1
    return TextResponse(
        text=texts[0],
        alternatives=tuple(texts[1:]),
        sentences=tuple(sentences),
        use=None,
        times=StageTimes(0.001, 0.002, 0.003, 0.004, 0.005),
        source_tokens=4,
        generated_tokens=4,
    )


def _hypothesis(line: str, source_place: int, target_place: int, ending: str) -> Hypothesis:
    spans = words(line)
    text = ""
    tokens: list[Token] = []
    aligned: list[AlignedWord] = []
    for index, (start, end) in reversed([*enumerate(spans)]):
        text += " " * bool(text)
        piece = line[start:end].upper()
        span = (target_place + len(text), target_place + len(text) + len(piece))
        text += piece
        tokens.append(Token("▁" + piece, UNSURE if piece.startswith("Q") else SURE, span))
        sources = [SourceWord(_moved(spans[index], source_place), STRONG)]
        if index + 1 < len(spans):
            sources.append(SourceWord(_moved(spans[index + 1], source_place), WEAK))
        aligned.append(AlignedWord(span, tuple(sources)))
    text += ending
    return Hypothesis(
        text=text,
        span=(target_place, target_place + len(text)),
        log_prob=-1.0 - len(ending),
        score=-0.1 - len(ending),
        finish_reason=FinishReason.END,
        tokens=tuple(tokens),
        alignment=tuple(aligned),
    )


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by
