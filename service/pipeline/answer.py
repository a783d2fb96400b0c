"""What the model said, put together as the answer to a text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from service.domain import DecodedSource, DecodeRequest, Direction, MarkIds, Task
from service.pipeline.again import Found
from service.pipeline.holding import MarkedSentence, Written
from service.pipeline.marking import moved, reworded
from service.pipeline.plan import Again, Part, Plan
from service.pipeline.request import TextRequest
from service.pipeline.rescue import Judge, Judged
from service.pipeline.response import (
    Hypothesis,
    MarkUse,
    Sentence,
    StageTimes,
    TextResponse,
    Token,
)
from service.pipeline.second import SecondAnswer
from service.pipeline.terms import term_uses
from service.text.alignment import AlignedWord, SourceWord, align
from service.text.capitals import in_capitals
from service.text.marks import Mark, encode_marked_with_offsets
from service.text.normalise import Span
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration, signs_of


class _Chosen(NamedTuple):
    """What is answered to a part.

    Attributes:
        source: What the engine found, with the times of all searches.
        source_tokens: Of what it was asked first.
        judged: What of it is given.
        hypotheses: The same as the answer has it, as far as it is written.
    """

    source: DecodedSource
    source_tokens: int
    judged: Judged
    hypotheses: list[Hypothesis]


class Writer:
    """Writes answers of one bundle. Holds nothing that changes.

    Args:
        task: Of the bundle.
        calibrations: By direction, as far as there are any.
        source_tokenizer: Of what it reads.
        target_tokenizer: Of what it writes.
        marks: Those that the model was taught.
        clock: Seconds.
    """

    def __init__(
        self,
        task: Task,
        calibrations: Mapping[Direction, Calibration],
        *,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        marks: MarkIds | None,
        clock: Callable[[], float],
    ) -> None:
        self._calibrations = calibrations
        self._source_tokenizer = source_tokenizer
        self._target_tokenizer = target_tokenizer
        self._judge = Judge(task, target_tokenizer)
        self._clock = clock
        self._marks = marks

    def write(
        self,
        request: TextRequest,
        plan: Plan,
        found: Sequence[Found],
        tokenise_s: float,
    ) -> TextResponse:
        """Decode, judge, join and, if wanted, align.

        Args:
            request: Says what details are wanted.
            plan: The request's plan.
            found: For each of ``plan.asked``, in order.
            tokenise_s: What the plan took.
        """
        began_s = self._clock()
        unclaimed = iter(found)
        chosen = [
            None if part.decode is None else self._chosen(part, part.decode, next(unclaimed))
            for part in plan.parts
        ]
        count = max([len(each.judged.written) for each in chosen if each is not None], default=1)
        texts: list[str] = []
        for rank in range(count):
            text = ""
            for part, choice in zip(plan.parts, chosen, strict=True):
                text += part.before
                if choice is None:
                    text += part.text
                    continue
                if rank < len(choice.judged.written):
                    choice.hypotheses.append(
                        self._hypothesis(request, part, choice.judged.written[rank], len(text))
                    )
                text += choice.hypotheses[-1].text
            texts.append(text + plan.trailing)
        queue_s = encode_s = decode_s = 0.0
        source_tokens = generated_tokens = 0
        sentences: list[Sentence] = []
        for part, choice in zip(plan.parts, chosen, strict=True):
            if choice is None:
                continue
            source = choice.source
            # The sentence that spent longest: see `StageTimes`.
            queue_s = max(queue_s, source.queue_s)
            encode_s = max(encode_s, source.encode_s)
            decode_s = max(decode_s, source.decode_s)
            source_tokens += choice.source_tokens
            generated_tokens += len(choice.judged.written[0].hypothesis.token_ids)
            sentences.append(self._sentence(request, part, choice))
        return TextResponse(
            texts[0],
            tuple(texts[1:]),
            tuple(sentences),
            plan.use,
            StageTimes(tokenise_s, queue_s, encode_s, decode_s, self._clock() - began_s),
            source_tokens,
            generated_tokens,
            term_uses(request.text, plan.terms, sentences),
        )

    def sentence(self, part: Part, decoded: DecodedSource) -> str:
        """How a sentence reads in `TextResponse.text`."""
        return _said(part, self._judged(part, Found(decoded)).written[0])

    def lacks_term(self, part: Part, decoded: DecodedSource) -> bool:
        """Whether a sentence's answer lacks a term that was asked for."""
        return any(use.target is None for use in self._judged(part, Found(decoded)).written[0].uses)

    def beginning(self, token_ids: Sequence[int]) -> str:
        """What a sentence without marks begins with, whatever tokens follow."""
        return self._target_tokenizer.decode_beginning(token_ids)

    def _chosen(self, part: Part, decode: DecodeRequest, found: Found) -> _Chosen:
        return _Chosen(found.together, len(decode.source_ids), self._judged(part, found), [])

    def _judged(self, part: Part, found: Found) -> Judged:
        """What is given of what the searches found."""
        if not part.stretches and not found.later:  # nearly always
            return self._judge.judge(part.text, found.first)
        is_second = isinstance(found.first, SecondAnswer)
        asked = part.second if is_second else part.decode
        assert asked is not None, "the model was asked"
        return self._judge.judge(
            # What a term brings into the translation is no invention.
            reworded(part.text, part.start, part.stretches),
            found.first,
            self._marked(Again(part, asked, terms_are_hidden=is_second)),
            [(each.decoded, self._marked(each.again)) for each in found.later],
        )

    def _marked(self, asked: Again) -> MarkedSentence | None:
        if not asked.part.stretches:
            return None
        assert self._marks is not None, "only a model with marks is told of stretches"
        return MarkedSentence(
            asked.part,
            asked.decode.source_ids,
            self._target_tokenizer,
            self._marks,
            terms_are_hidden=asked.terms_are_hidden,
        )

    def _with_spans(self, written: Written) -> Written:
        """With the places of tokens, which a sentence without marks has only if wanted."""
        if written.spans:
            return written
        ids = written.hypothesis.token_ids
        return written._replace(spans=self._target_tokenizer.decode_with_offsets(ids)[1])

    def _sentence(self, request: TextRequest, part: Part, choice: _Chosen) -> Sentence:
        judged = choice.judged
        sentence = Sentence(
            (part.start, part.start + len(part.text)),
            part.is_part,
            tuple(choice.hypotheses),
            choice.source_tokens,
            choice.source.decode_steps,
            judged.problems,
            judged.is_rescued,
            judged.avoided,
        )
        if not request.want_confidence:
            return sentence
        signs = signs_of(judged.written[0].hypothesis, len(judged.problems))
        calibration = self._calibrations.get(request.direction)
        confidence = None if calibration is None else round(calibration.confidence(signs), 4)
        return replace(sentence, signs=signs, confidence=confidence)

    def _hypothesis(
        self, request: TextRequest, part: Part, written: Written, place: int
    ) -> Hypothesis:
        hypothesis, text = written.hypothesis, _said(part, written)
        if request.want_tokens or request.want_alignment:
            written = self._with_spans(written)
        return Hypothesis(
            text,
            (place, place + len(text)),
            hypothesis.log_prob,
            hypothesis.score,
            hypothesis.finish_reason,
            self._tokens(written, place) if request.want_tokens else None,
            self._alignment(part, written, place) if request.want_alignment else None,
            tuple([_moved_use(use, place) for use in written.uses]),
        )

    def _tokens(self, written: Written, place: int) -> tuple[Token, ...]:
        hypothesis = written.hypothesis
        ids = hypothesis.token_ids
        pieces = self._target_tokenizer.pieces(ids)
        return tuple(
            Token(piece, float(log_prob), moved(span, place))
            for piece, log_prob, span in zip(
                pieces, hypothesis.token_log_probs, written.spans, strict=True
            )
        )

    def _alignment(
        self,
        part: Part,
        written: Written,
        place: int,
    ) -> tuple[AlignedWord, ...] | None:
        attention = written.hypothesis.attention
        if attention is None:
            return None
        assert part.decode is not None
        origins = written.origins
        source_spans = self._source_spans(part, written.marks)
        prefix = (written.source_tokens or len(part.decode.source_ids)) - 1 - len(source_spans)
        aligned = align(
            attention[:, prefix:],
            written.text,
            written.spans,
            part.text,
            source_spans,
            target_units=sorted(origins),
            source_units=[mark.span for mark in written.marks],
        )
        if not (origins or place or part.start):
            return aligned
        words = [
            AlignedWord(
                moved(word.span, place),
                tuple(
                    SourceWord(moved(source.span, part.start), source.weight)
                    for source in word.sources
                ),
            )
            for word in aligned
            if word.span not in origins
        ]
        # Where terms and copies come from is known without attention.
        words += (
            AlignedWord(moved(target, place), (SourceWord(source, 1.0),))
            for target, source in origins.items()
        )
        return tuple(sorted(words, key=attrgetter("span")) if origins else words)

    def _source_spans(self, part: Part, marks: Sequence[Mark]) -> list[Span]:
        """Place of each source token in the part."""
        if not marks or self._marks is None:
            return self._source_tokenizer.encode_with_offsets(part.text)[1]
        return encode_marked_with_offsets(part.text, marks, self._source_tokenizer, self._marks)[1]


def _moved_use(use: MarkUse, place: int) -> MarkUse:
    return use if use.target is None else replace(use, target=moved(use.target, place))


def _said(part: Part, written: Written) -> str:
    """What a hypothesis says to the user; as long as what it says."""
    return in_capitals(written.text) if part.is_in_capitals else written.text
