"""What the model said, put together as the answer to a text."""

from collections.abc import Callable, Sequence

from service.domain import DecodedHypothesis, DecodedSource
from service.pipeline.plan import Part, Plan
from service.pipeline.request import TextRequest
from service.pipeline.response import Hypothesis, Sentence, StageTimes, TextResponse, Token
from service.text.alignment import AlignedWord, SourceWord, align
from service.text.normalise import Span
from service.text.tokenizer import Tokenizer


class Writer:
    """Writes answers of one bundle. Holds nothing that changes."""

    def __init__(
        self,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        clock: Callable[[], float],
    ) -> None:
        self._source_tokenizer = source_tokenizer
        self._target_tokenizer = target_tokenizer
        self._clock = clock

    def write(
        self,
        request: TextRequest,
        plan: Plan,
        decoded: Sequence[DecodedSource],
        tokenise_s: float,
    ) -> TextResponse:
        """Decode, join and, if wanted, align.

        Args:
            request: Says what details are wanted.
            plan: The request's plan.
            decoded: The engine's answer to each of ``plan.decodes``, in order.
            tokenise_s: What the plan took.
        """
        began_s = self._clock()
        by_part = _by_part(plan, decoded)
        count = max((len(source.hypotheses) for source in decoded), default=1)
        texts: list[str] = []
        hypotheses: list[list[Hypothesis]] = [[] for _ in plan.parts]
        for rank in range(count):
            text = ""
            for number, (part, source) in enumerate(zip(plan.parts, by_part, strict=True)):
                text += part.before
                if source is None:
                    text += part.text
                    continue
                if rank < len(source.hypotheses):
                    hypotheses[number].append(
                        self._hypothesis(request, part, source.hypotheses[rank], len(text))
                    )
                text += hypotheses[number][-1].text
            texts.append(text + plan.trailing)
        return TextResponse(
            text=texts[0],
            alternatives=tuple(texts[1:]),
            sentences=tuple(
                _sentence(part, source, written)
                for part, source, written in zip(plan.parts, by_part, hypotheses, strict=True)
                if source is not None
            ),
            use=plan.use,
            times=StageTimes(
                # The sentence that spent longest: see `StageTimes`.
                tokenise_s=tokenise_s,
                queue_s=max((source.queue_s for source in decoded), default=0.0),
                encode_s=max((source.encode_s for source in decoded), default=0.0),
                decode_s=max((source.decode_s for source in decoded), default=0.0),
                detokenise_s=self._clock() - began_s,
            ),
            source_tokens=sum(len(decode.source_ids) for decode in plan.decodes),
            generated_tokens=sum(len(source.hypotheses[0].token_ids) for source in decoded),
        )

    def sentence(self, source: DecodedSource) -> str:
        """How a sentence reads in `TextResponse.text`."""
        return self._target_tokenizer.decode(source.hypotheses[0].token_ids)

    def beginning(self, token_ids: Sequence[int]) -> str:
        """What a sentence begins with, whatever tokens follow."""
        return self._target_tokenizer.decode_beginning(token_ids)

    def _hypothesis(
        self, request: TextRequest, part: Part, hypothesis: DecodedHypothesis, place: int
    ) -> Hypothesis:
        ids = hypothesis.token_ids
        tokens: tuple[Token, ...] | None = None
        alignment: tuple[AlignedWord, ...] | None = None
        if request.want_tokens or request.want_alignment:
            text, spans = self._target_tokenizer.decode_with_offsets(ids)
            if request.want_tokens:
                tokens = tuple(
                    Token(piece, float(log_prob), _moved(span, place))
                    for piece, log_prob, span in zip(
                        self._target_tokenizer.pieces(ids),
                        hypothesis.token_log_probs,
                        spans,
                        strict=True,
                    )
                )
            if request.want_alignment:
                alignment = self._alignment(part, hypothesis, text, spans, place)
        else:
            text = self._target_tokenizer.decode(ids)
        return Hypothesis(
            text=text,
            span=(place, place + len(text)),
            log_prob=hypothesis.log_prob,
            score=hypothesis.score,
            finish_reason=hypothesis.finish_reason,
            tokens=tokens,
            alignment=alignment,
        )

    def _alignment(
        self,
        part: Part,
        hypothesis: DecodedHypothesis,
        text: str,
        spans: Sequence[Span],
        place: int,
    ) -> tuple[AlignedWord, ...] | None:
        if hypothesis.attention is None:
            return None
        assert part.decode is not None
        _, source_spans = self._source_tokenizer.encode_with_offsets(part.text)
        prefix = len(part.decode.source_ids) - 1 - len(source_spans)
        attention = hypothesis.attention[:, prefix:]
        return tuple(
            AlignedWord(
                _moved(word.span, place),
                tuple(
                    SourceWord(_moved(source.span, part.start), source.weight)
                    for source in word.sources
                ),
            )
            for word in align(attention, text, spans, part.text, source_spans)
        )


def _by_part(plan: Plan, decoded: Sequence[DecodedSource]) -> list[DecodedSource | None]:
    """The engine's answer for each part; None for what was passed through."""
    answers = iter(decoded)
    return [None if part.decode is None else next(answers) for part in plan.parts]


def _sentence(part: Part, source: DecodedSource, hypotheses: Sequence[Hypothesis]) -> Sentence:
    assert part.decode is not None
    return Sentence(
        source_span=(part.start, part.start + len(part.text)),
        is_part=part.is_part,
        hypotheses=tuple(hypotheses),
        source_tokens=len(part.decode.source_ids),
        decode_steps=source.decode_steps,
    )


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by
