"""A text into what the model is asked: pure, nothing is submitted here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain import DecodeRequest, Direction, Task
from service.errors import TooLarge
from service.pipeline.options import ModelLimits, ResolvedOptions
from service.pipeline.request import TextLimits, TextRequest
from service.pipeline.response import SourceUse
from service.text.fit import fits, leading_words, split_to_fit
from service.text.segment import Segment, split
from service.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text that is answered by one decode, or passed through.

    Attributes:
        before: What stands between the part before and this one; kept in the answer.
        text: The part as the user wrote it.
        start: Its offset in the request's text.
        is_part: It is a piece of a sentence that was too long for the model.
        decode: What the model is asked; None for a part that is passed through unchanged.
    """

    before: str
    text: str
    start: int
    is_part: bool
    decode: DecodeRequest | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a text in order; every ``before + text``, then `trailing`."""

    parts: tuple[Part, ...]
    trailing: str
    use: SourceUse | None

    @property
    def decodes(self) -> list[DecodeRequest]:
        """What the model is asked, in order."""
        return [part.decode for part in self.parts if part.decode is not None]


class Planner:
    """Plans texts for one bundle. Holds nothing that changes."""

    def __init__(
        self,
        task: Task,
        prefixes: Mapping[Direction, tuple[int, ...]],
        tokenizer: Tokenizer,
        model_limits: ModelLimits,
        text_limits: TextLimits,
    ) -> None:
        self._task = task
        self._prefixes = prefixes
        self._first = next(iter(prefixes))
        self._tokenizer = tokenizer
        # Room for the end mark and the longest prefix.
        longest = max(len(prefix) for prefix in prefixes.values())
        self._max_tokens = model_limits.max_source_tokens - 1 - longest
        self._text_limits = text_limits

    def plan(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        """Cut the text into parts that the model can read and encode them.

        A translation covers the whole text. A summary is made of its leading sentences, as
        many as the model's window holds.

        Raises:
            TooLarge: The text has more characters or sentences than allowed.
        """
        most = self._text_limits.max_characters
        if len(request.text) > most:
            raise TooLarge(f"the text has {len(request.text)} characters; the limit is {most}")
        if self._task is Task.SUMMARIZATION:
            return self._summary(request, options)
        return self._translation(request, options)

    def _translation(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        segmented = split(request.text, self._direction(request).source, request.boundaries)
        parts: list[Part] = []
        for segment in segmented.segments:
            parts += self._parts_of(segment, request, options)
        plan = Plan(tuple(parts), segmented.trailing, use=None)
        most = self._text_limits.max_sentences
        if len(plan.decodes) > most:
            raise TooLarge(f"the text has {len(plan.decodes)} sentences; the limit is {most}")
        return plan

    def _parts_of(
        self, segment: Segment, request: TextRequest, options: ResolvedOptions
    ) -> list[Part]:
        before, text, start = segment.before, segment.text, segment.start
        if not has_words(text):
            return [Part(before, text, start, is_part=False, decode=None)]
        ids = self._tokenizer.encode(text)
        if len(ids) <= self._max_tokens:
            return [Part(before, text, start, False, self._decode(ids, request, options))]
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
            for number, cut in enumerate(split_to_fit(text, self._max_tokens, self._tokenizer))
        ]

    def _summary(self, request: TextRequest, options: ResolvedOptions) -> Plan:
        segments = split(request.text, self._direction(request).source).segments
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

    def _direction(self, request: TextRequest) -> Direction:
        return request.direction or self._first

    def _decode(
        self, ids: Sequence[int], request: TextRequest, options: ResolvedOptions
    ) -> DecodeRequest:
        return DecodeRequest(
            source_ids=(*self._prefixes[self._direction(request)], *ids, self._tokenizer.end_id),
            options=options.of(len(ids)),
            deadline_s=request.deadline_s,
            priority=request.priority,
            want_attention=request.want_alignment,
        )


def has_words(text: str) -> bool:
    """Whether there is anything to translate: a letter or a digit."""
    return any(character.isalnum() for character in text)
