"""What goes wrong in outputs, seen without a reference: loops, empty outputs, copies,
numbers and names that the source does not contain.

The rules are those of the service's guard (`service.trust`), so what is reported and what is
rescued from agree. These are counts of visible symptoms, not of errors: "14 Uhr" for "2:00" may
be right. So each is read beside the same measure over the references, which every function
computes as readily: pass the references as the outputs.
"""

from collections.abc import Sequence

from model_export.metrics.score import Better, Score, check_aligned, share
from service.domain import Task
from service.trust.guard import has_repetition, is_empty
from service.trust.names import is_title_case
from service.trust.names import unsupported_names as names_without_support
from service.trust.numbers import without_partner
from service.trust.repetition import LOOP_TIMES, LOOP_WORDS, has_loop
from service.trust.words import folded_words

_NUMBERS = "figures by value|spelled-out numbers and halves of the day excuse them"


def empty_outputs(hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs without a letter or a digit."""
    sentences = check_aligned(hypotheses=hypotheses)
    count = sum(is_empty(hypothesis) for hypothesis in hypotheses)
    return Score("empty outputs", share(count, sentences), "% of outputs", Better.LOWER, sentences)


def loops(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs in which a phrase repeats itself although the source has no loop."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    count = sum(
        has_loop(folded_words(hypothesis)) and not has_loop(folded_words(source))
        for source, hypothesis in zip(sources, hypotheses, strict=True)
    )
    signature = (
        f"% of outputs|phrase of 1-{LOOP_WORDS} words, {LOOP_TIMES} times in succession"
        "|case and punctuation ignored|not where the source has one"
    )
    return Score("loops", share(count, sentences), signature, Better.LOWER, sentences)


def repetitions(task: Task, sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs that say a phrase twice while the source does not."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    count = sum(
        has_repetition(task, source, hypothesis)
        for source, hypothesis in zip(sources, hypotheses, strict=True)
    )
    signature = "% of outputs|a long word or a phrase of 2-8 words, twice in succession"
    if task is Task.SUMMARIZATION:
        signature += ", or a pair of words twice anywhere"
    signature += "|not where the source has one"
    return Score("repetitions", share(count, sentences), signature, Better.LOWER, sentences)


def source_copies(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> Score:
    """Percentage of outputs that are the source again while the reference is not."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses, references=references)
    count = sum(
        bool(folded := folded_words(source))
        and folded == folded_words(hypothesis)
        and folded != folded_words(reference)
        for source, hypothesis, reference in zip(sources, hypotheses, references, strict=True)
    )
    signature = "% of outputs|case and punctuation ignored|not where the reference is a copy"
    return Score("source copies", share(count, sentences), signature, Better.LOWER, sentences)


def unsupported_numbers(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs with a number that the source does not contain.

    Numbers are compared by value, so that "1,500.50" supports "1.500,50", and "three" supports
    "3".
    """
    value, sentences = _without_partner(of=hypotheses, among=sources)
    signature = f"% of outputs|{_NUMBERS}"
    return Score("unsupported numbers", value, signature, Better.LOWER, sentences)


def lost_numbers(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs that lack a number of their source; for translations."""
    value, sentences = _without_partner(of=sources, among=hypotheses)
    signature = f"% of outputs|{_NUMBERS}"
    return Score("lost numbers", value, signature, Better.LOWER, sentences)


def unsupported_names(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs with a capitalised word that the source does not contain.

    For summaries; see `service.trust.names`. Outputs in Title Case are left out altogether, and
    `sentences` counts those that remain.
    """
    check_aligned(sources=sources, hypotheses=hypotheses)
    judged = [
        (source, hypothesis)
        for source, hypothesis in zip(sources, hypotheses, strict=True)
        if not is_title_case(hypothesis)
    ]
    count = sum(bool(names_without_support(hypothesis, source)) for source, hypothesis in judged)
    signature = (
        "% of outputs|capitalised words not at a sentence start|case ignored"
        "|abbreviations by initials|outputs in Title Case left out"
    )
    value = share(count, len(judged))
    return Score("unsupported names", value, signature, Better.LOWER, len(judged))


def _without_partner(of: Sequence[str], among: Sequence[str]) -> tuple[float, int]:
    sentences = check_aligned(of=of, among=among)
    count = sum(bool(without_partner(one, other)) for one, other in zip(of, among, strict=True))
    return share(count, sentences), sentences
