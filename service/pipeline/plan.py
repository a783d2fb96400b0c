"""A text into what the model is asked: pure, nothing is submitted here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from service.domain import DecodeRequest, Direction, MarkIds, Task
from service.errors import RequestError, TooLarge
from service.pipeline.ends import trimmed
from service.pipeline.marking import (
    MarkedMeasure,
    Stretch,
    cut_out,
    find_stretches,
    marks_of,
    masked,
    moved,
    unmasked,
    with_numbers,
    within,
    without,
)
from service.pipeline.options import ModelLimits, ResolvedOptions
from service.pipeline.request import TextLimits, TextRequest
from service.pipeline.response import SourceUse
from service.text.capitals import CapitalLines, in_capitals, in_small_letters, is_in_capitals
from service.text.codes import code_spans
from service.text.fit import PlainMeasure, fits, leading_words, split_to_fit
from service.text.foreign import Alphabet, tag_spans
from service.text.glossary import Match, find_terms
from service.text.marks import encode_marked
from service.text.normalise import Span
from service.text.segment import Segment, Segmented, split
from service.text.tokenizer import Tokenizer


class Part(NamedTuple):
    """A stretch of the text that is answered by one decode, or passed through.

    Attributes:
        before: What stands between the part before and this one; kept in the answer.
        text: The part as the user wrote it; in small letters if it was in capitals.
        start: Its offset in the request's text.
        is_part: It is a piece of a sentence that was too long for the model.
        decode: What the model is asked; None for a part that is passed through unchanged.
        stretches: Terms in it, and what is to be copied.
        second: What the model is asked if its answer lacks a term: terms have placeholders, too.
        is_in_capitals: So its answer has to be, too.
    """

    before: str
    text: str
    start: int
    is_part: bool
    decode: DecodeRequest | None
    stretches: tuple[Stretch, ...] = ()
    second: DecodeRequest | None = None
    is_in_capitals: bool = False


class Again(NamedTuple):
    """One more search for a sentence.

    Attributes:
        part: The sentence, with what the model is told of it.
        decode: What the model is asked.
        terms_are_hidden: See `marks_of`.
    """

    part: Part
    decode: DecodeRequest
    terms_are_hidden: bool


class Plan(NamedTuple):
    """The parts of a text in order; every ``before + text``, then `trailing`.

    Attributes:
        terms: Where the text has terms that were asked for, in order.
    """

    parts: tuple[Part, ...]
    trailing: str
    use: SourceUse | None
    terms: tuple[Match, ...] = ()

    @property
    def asked(self) -> list[Part]:
        """Parts that the model is asked, in order."""
        return [part for part in self.parts if part.decode is not None]


class Planner:
    """Plans texts for one bundle. Holds nothing that changes."""

    def __init__(
        self,
        task: Task,
        prefixes: Mapping[Direction, tuple[int, ...]],
        tokenizer: Tokenizer,
        model_limits: ModelLimits,
        text_limits: TextLimits,
        *,
        marks: MarkIds | None,
    ) -> None:
        self._task = task
        self._prefixes = prefixes
        self._tokenizer = tokenizer
        # Room for the end mark and the longest prefix.
        longest = max(len(prefix) for prefix in prefixes.values())
        self._max_tokens = model_limits.max_source_tokens - 1 - longest
        self._text_limits = text_limits
        self._marks = marks
        # What it cannot spell can be copied only by a model with marks.
        self._alphabet = None if marks is None else Alphabet(tokenizer.characters)

    def plan(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        """Cut the text into parts that the model can read and encode them.

        A translation covers the whole text. A summary is made of its leading sentences, as
        many as the model's window holds.

        Raises:
            TooLarge: The text has more characters or sentences than allowed.
            RequestError: It asks for terms, and the model was not trained with any.
        """
        most = self._text_limits.max_characters
        if len(request.text) > most:
            raise TooLarge(f"the text has {len(request.text)} characters; the limit is {most}")
        if self._task is Task.SUMMARIZATION:
            return self._summary(request, options)
        return self._translation(request, options)

    def _translation(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        terms = self._terms(request)
        stretches = find_stretches(request.text, terms, request.protected, self._loose(request))
        segmented = self._segmented(request, stretches)
        feasible = [each for each in stretches if self._is_feasible(each)]
        capitals = CapitalLines(request.text)
        parts: list[Part] = []
        for segment in segmented.segments:
            inside = within(feasible, segment.start, segment.end) if feasible else ()
            # A term's translation is to be as it was given.
            has_terms = any(stretch.target is not None for stretch in inside)
            is_loud = is_in_capitals(segment.text) or capitals.hold((segment.start, segment.end))
            if is_loud and not has_terms:
                small = in_small_letters(segment.text, request.direction.source)
                asked = self._asked_of(segment._replace(text=small), inside, request, options)
                parts += map(_in_capitals, asked)
            else:
                parts += self._asked_of(segment, inside, request, options)
        plan = Plan(tuple(parts), segmented.trailing, None, tuple(terms))
        most = self._text_limits.max_sentences
        if len(parts) > most and len(plan.asked) > most:
            raise TooLarge(f"the text has {len(plan.asked)} sentences; the limit is {most}")
        return plan

    def _loose(self, request: TextRequest) -> list[Span]:
        """What is copied because the model would spoil it."""
        if self._alphabet is None:
            return []
        text = request.text
        return [*self._alphabet.foreign_spans(text), *tag_spans(text), *code_spans(text)]

    def _terms(self, request: TextRequest) -> list[Match]:
        """Where the text has terms; a model without marks cannot be told any."""
        if self._marks is None and request.glossaries:
            raise RequestError(
                "this model was not trained with terms: name another model, or send neither "
                "glossary nor do_not_translate"
            )
        return find_terms(request.text, request.glossaries)

    def with_numbers(
        self, request: TextRequest, part: Part, numbers: Iterable[Span]
    ) -> Again | None:
        """A search in which numbers have placeholders.

        All else that is marked has placeholders, too. None where the model knows none, not so
        many, or has not so much room.

        Args:
            request: Of the text.
            part: A sentence of it that the model was asked.
            numbers: Places in the sentence.
        """
        assert part.decode is not None, "the model was asked"
        if self._marks is None:
            return None
        stretches = with_numbers(part.stretches, part.text, part.start, numbers, request.direction)
        if not len(part.stretches) < len(stretches) <= len(self._marks.placeholders):
            return None
        told = marks_of(stretches, part.start, terms_are_hidden=True)
        ids = encode_marked(part.text, told, self._tokenizer, self._marks)
        if len(ids) > self._max_tokens:
            return None
        source_ids = (*self._prefixes[request.direction], *ids, self._tokenizer.end_id)
        # The beam and the lengths are those of the first search.
        decode = replace(part.decode, source_ids=source_ids, want_attention=True)
        return Again(part._replace(stretches=stretches), decode, terms_are_hidden=True)

    def _is_feasible(self, stretch: Stretch) -> bool:
        """Whether it leaves room for a sentence around it."""
        target = stretch.target
        return target is None or len(self._tokenizer.encode(target)) <= self._max_tokens // 3

    def _segmented(self, request: TextRequest, stretches: Sequence[Stretch]) -> Segmented:
        """The sentences; none ends within a stretch."""
        text, language = request.text, request.direction.source
        if not stretches:
            return split(text, language, request.boundaries)
        segmented = split(masked(text, stretches), language, request.boundaries)
        whole = unmasked(text, segmented)
        if self._marks is None:
            return cut_out(text, whole, stretches)
        return trimmed(text, whole, stretches)

    def _asked_of(
        self,
        segment: Segment,
        inside: Sequence[Stretch],
        request: TextRequest,
        options: ResolvedOptions,
    ) -> list[Part]:
        """A sentence, in as many parts as the model needs."""
        if inside and self._marks is not None:
            return self._marked_parts_of(segment, inside, self._marks, request, options)
        return self._parts_of(segment, request, options)

    def _parts_of(
        self, segment: Segment, request: TextRequest, options: ResolvedOptions
    ) -> list[Part]:
        before, text, start = segment.before, segment.text, segment.start
        if not has_words(text):
            return [Part(before, text, start, is_part=False, decode=None)]
        ids = self._tokenizer.encode(text)
        if len(ids) <= self._max_tokens:
            return [Part(before, text, start, False, self._decode(ids, request, options))]
        cuts = split_to_fit(text, self._max_tokens, PlainMeasure(text, self._tokenizer))
        return [
            Part(
                before=cut.before if number else before,
                text=cut.text,
                start=start + cut.start,
                is_part=True,
                decode=self._decode(self._tokenizer.encode(cut.text), request, options)
                if has_words(cut.text)
                else None,
            )
            for number, cut in enumerate(cuts)
        ]

    def _marked_parts_of(
        self,
        segment: Segment,
        stretches: Sequence[Stretch],
        marks: MarkIds,
        request: TextRequest,
        options: ResolvedOptions,
    ) -> list[Part]:
        """As `_parts_of`; a sentence with more to copy than there are placeholders is too long."""
        text, start = segment.text, segment.start
        measure = MarkedMeasure(text, start, stretches, self._tokenizer, marks)
        cuts = [Segment(text, "", 0)]
        if measure.tokens(0, len(text)) > self._max_tokens:
            whole = [replace(each, span=moved(each.span, -start)) for each in stretches]
            cuts = split_to_fit(masked(text, whole), self._max_tokens, measure)
        parts: list[Part] = []
        for cut in cuts:
            begin = start + cut.start
            cut_text = text[cut.start : cut.end]
            inside = within(stretches, begin, start + cut.end)
            before = cut.before if parts else segment.before
            part = Part(before, cut_text, begin, len(cuts) > 1, None, inside)
            if has_words(without(cut_text, begin, inside)):
                part = self._with_marks(part, marks, request, options)
            parts.append(part)
        return parts

    def _with_marks(
        self, part: Part, marks: MarkIds, request: TextRequest, options: ResolvedOptions
    ) -> Part:
        """What the model is asked for a sentence with marks."""

        def decode(*, terms_are_hidden: bool) -> DecodeRequest:
            told = marks_of(part.stretches, part.start, terms_are_hidden=terms_are_hidden)
            ids = encode_marked(part.text, told, self._tokenizer, marks)
            # Attention says where to put what the model lost.
            return replace(self._decode(ids, request, options), want_attention=True)

        has_terms = any(stretch.target is not None for stretch in part.stretches)
        can_hide = len(part.stretches) <= len(marks.placeholders)
        return part._replace(
            decode=decode(terms_are_hidden=False),
            second=decode(terms_are_hidden=True) if has_terms and can_hide else None,
        )

    def _summary(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        segments = split(request.text, request.direction.source).segments
        if not any(has_words(segment.text) for segment in segments):
            return Plan((), request.text, SourceUse(len(segments), (), last_is_cut=False))
        lead = leading_words(segments[0].text, self._max_tokens, self._tokenizer)
        is_cut = len(lead) < len(segments[0].text)
        start = segments[0].start
        end, used = start + len(lead), 1
        for segment in segments[1:] if not is_cut else ():
            text = request.text[start : segment.end]
            if not fits(text, self._max_tokens, self._tokenizer):
                break
            end = segment.end
            used += 1
        spans = [(segment.start, min(segment.end, end)) for segment in segments[:used]]
        text = request.text[start:end]
        decode = self._decode(self._tokenizer.encode(text), request, options)
        part = Part("", text, start, is_cut, decode)
        return Plan((part,), "", SourceUse(len(segments), tuple(spans), last_is_cut=is_cut))

    def _decode(
        self, ids: Sequence[int], request: TextRequest, options: ResolvedOptions
    ) -> DecodeRequest:
        return DecodeRequest(
            source_ids=(*self._prefixes[request.direction], *ids, self._tokenizer.end_id),
            options=options.of(len(ids)),
            deadline_s=request.deadline_s,
            priority=request.priority,
            want_attention=request.want_alignment,
        )


def _in_capitals(part: Part) -> Part:
    """A part of a sentence that was put in small letters."""
    if part.decode is None:  # it is passed through as it was
        return part._replace(text=in_capitals(part.text))
    return part._replace(is_in_capitals=True)


def has_words(text: str) -> bool:
    """Whether there is anything to translate: a letter. Figures alone are the same everywhere."""
    return any(map(str.isalpha, text))
