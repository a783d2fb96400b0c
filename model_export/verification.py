"""The `verify` step: ONNX Runtime against PyTorch, on sources of the dev set.

Three comparisons, each over batches that mix lengths, so that padding is part of the test:

- the float graphs, step by step: every token, parent and log-probability of every beam
- the int8 graphs, by their answers: rounded activations may turn near ties, no more
- golden cases are chosen among sources on which all three agree by a clear margin

Only then does the manifest say that the bundle was verified, and only then is it served.
"""

import logging
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model_export.bundle import digests, load_rounded
from model_export.dataset import dev_sources
from model_export.errors import VerificationError
from model_export.model.search import TorchDecoder
from model_export.recipe import Recipe
from model_export.vocabulary import load_vocabulary
from service.bundle.golden import SCORE_TOLERANCE, GoldenCase, check_golden, write_golden
from service.bundle.loader import load_model
from service.bundle.manifest import Manifest, Precision, Verification
from service.decoding.batch import decode
from service.decoding.contract import DecoderModel
from service.decoding.runtime import Device
from service.domain import DecodedHypothesis, SearchOptions

logger = logging.getLogger(__name__)

# Dev sources that are compared, and how many share a batch.
SOURCES = 128
BATCH = 16

# What float rounding may do: sums in another order differ by 1e-6 relative, and an error made
# at one step is carried to the next. Near ties may then fall either way.
FLOAT_TOLERANCE = 1e-3
LEAST_FLOAT_EQUAL = 0.98

# How much of its answers rounding activations to int8 leaves as it is, in tokens: a near tie that
# falls the other way changes a word or two. A wrong product leaves nothing.
LEAST_INT8_COMMON = 0.6

GOLDEN_CASES = 24


@dataclass(frozen=True, slots=True)
class _Answered:
    source: list[int]
    torch: list[DecodedHypothesis]
    float_: list[DecodedHypothesis]
    int8: list[DecodedHypothesis]

    @property
    def margin(self) -> float:
        """By how much PyTorch prefers its answer to the next best; up is clearer."""
        if len(self.torch) < 2:
            return float("-inf")
        return self.torch[0].score - self.torch[1].score


def verify_bundle(recipe: Recipe, run: Path, bundle: Path) -> Verification:
    """Compare a bundle with the network it was exported from, and mark it verified.

    Raises:
        VerificationError: They differ by more than rounding; says where first.
    """
    tokenizer = load_vocabulary(run)
    network = load_rounded(recipe, run, tokenizer)
    manifest = Manifest.read(bundle)
    torch_model = TorchDecoder(network, tokenizer.special_ids, manifest.steps)
    models = {
        precision: load_model(bundle, manifest, precision, Device.CPU, threads=1)
        for precision in manifest.graphs
    }
    sources = dev_sources(recipe, run, tokenizer, SOURCES)
    if not sources:
        raise VerificationError("the run has no dev set to compare on")
    options = _options(manifest)
    float_model = models[Precision.FLOAT]
    difference = _compare_steps(torch_model, float_model, sources, options)
    answers = [
        _Answered(*each)
        for each in zip(
            sources,
            decode(torch_model, sources, options, BATCH),
            decode(float_model, sources, options, BATCH),
            decode(models[Precision.INT8], sources, options, BATCH),
            strict=True,
        )
    ]
    float_equal = float(np.mean([_same(each.torch, each.float_) for each in answers]))
    int8_equal = float(np.mean([_same(each.torch[:1], each.int8[:1]) for each in answers]))
    int8_common = float(np.mean([_common(each.torch[0], each.int8[0]) for each in answers]))
    if float_equal < LEAST_FLOAT_EQUAL:
        raise VerificationError(
            f"the float graphs answer {float_equal:.1%} of {len(answers)} sources as PyTorch "
            f"does; at least {LEAST_FLOAT_EQUAL:.0%} is needed"
        )
    if int8_common < LEAST_INT8_COMMON:
        raise VerificationError(
            f"the int8 graphs' answers to {len(answers)} sources have {int8_common:.1%} of their "
            f"tokens in common with PyTorch's; at least {LEAST_INT8_COMMON:.0%} is needed"
        )
    cases = _golden_cases(answers, options)
    for model in models.values():
        check_golden(model, cases)
    write_golden(bundle / manifest.golden, cases)
    verification = Verification(
        torch=version("torch").split("+")[0],
        onnxruntime=version("onnxruntime"),
        sources=len(answers),
        float_logit_difference=difference,
        float_equal_hypotheses=float_equal,
        int8_equal_hypotheses=int8_equal,
    )
    manifest.model_copy(update={"files": digests(bundle), "verification": verification}).write(
        bundle
    )
    logger.info(
        "verified on %d sources: float graphs within %.1e and %.1f %% equal, int8 %.1f %% equal "
        "and %.1f %% of tokens in common",
        len(answers),
        difference,
        100 * float_equal,
        100 * int8_equal,
        100 * int8_common,
    )
    return verification


def _options(manifest: Manifest) -> SearchOptions:
    """The served search, with every hypothesis looked at and a bound on runaways."""
    defaults = manifest.search
    return replace(
        defaults,
        num_hypotheses=defaults.beam_size,
        max_decoding_length=min(defaults.max_decoding_length, 64),
    )


def _common(one: DecodedHypothesis, other: DecodedHypothesis) -> float:
    """How much two answers share, in tokens that both have in the same order, 0..1."""
    matcher = SequenceMatcher(None, one.token_ids, other.token_ids, autojunk=False)
    return matcher.ratio()


def _compare_steps(
    expected: DecoderModel, actual: DecoderModel, sources: list[list[int]], options: SearchOptions
) -> float:
    """Largest difference of a log-probability over whole searches of the same beams.

    A source is compared up to the step at which a near tie parts the beams, that step
    included: what the slots score is then still the same, whatever is in them. How often
    whole answers differ is judged apart.
    """
    largest = 0.0
    for start in tqdm(range(0, len(sources), BATCH), desc="steps", leave=False):
        batch = sources[start : start + BATCH]
        settings = [options] * len(batch)
        left = expected.encode(batch, settings, options.beam_size)
        right = actual.encode(batch, settings, options.beam_size)
        for name, arrays in (("memory", left.memory), ("decoder", left.decoder)):
            for key, array in arrays.items():
                gap = float(np.abs(array - getattr(right, name)[key]).max())
                if not gap <= FLOAT_TOLERANCE:
                    raise VerificationError(
                        f"encode: {name}.{key} differs by {gap:.2e} in sources "
                        f"{start}..{start + len(batch) - 1}; the tolerance is {FLOAT_TOLERANCE}"
                    )
        steps = 0
        together = np.ones((1, len(batch)), dtype=bool)
        while not left.finished.all():
            left, ours = expected.advance(left)
            right, theirs = actual.advance(right)
            same = ((ours.tokens == theirs.tokens) & (ours.parents == theirs.parents)).all(axis=2)
            together = np.logical_and.accumulate([together[-1], *same])  # [1 + n, B]
            compared = np.isfinite(ours.log_probs) & together[:-1, :, np.newaxis]
            gaps = np.zeros_like(ours.log_probs)
            np.subtract(ours.log_probs, theirs.log_probs, out=gaps, where=compared)
            gaps = np.abs(gaps)
            apart = np.argwhere(~(gaps <= FLOAT_TOLERANCE))
            if len(apart):
                step, source, slot = place = tuple(apart[0])
                raise VerificationError(
                    f"advance: source {start + source}, step {steps + step}, slot {slot}: "
                    f"token {theirs.tokens[place]} with log-probability "
                    f"{theirs.log_probs[place]:.5f}; PyTorch has token {ours.tokens[place]} "
                    f"with {ours.log_probs[place]:.5f} and the tolerance is {FLOAT_TOLERANCE}"
                )
            largest = max(largest, float(gaps.max()))
            steps += len(ours.tokens)
    return largest


def _same(left: list[DecodedHypothesis], right: list[DecodedHypothesis]) -> bool:
    return [each.token_ids for each in left] == [each.token_ids for each in right]


def _golden_cases(answers: list[_Answered], options: SearchOptions) -> list[GoldenCase]:
    """The clearest answers on which PyTorch, float and int8 agree, long and short ones.

    In scores too: a shortlist that leaves out what is likely takes its probability.

    Raises:
        VerificationError: They agree on none.
    """
    agreed = [
        each
        for each in answers
        if all(
            _same(each.torch[:1], other[:1])
            and abs(each.torch[0].score - other[0].score) <= SCORE_TOLERANCE / 2
            for other in (each.float_, each.int8)
        )
    ]
    if not agreed:
        raise VerificationError(
            f"none of {len(answers)} sources has the same answer from PyTorch, float and int8 "
            f"graphs, with scores within {SCORE_TOLERANCE / 2}"
        )
    agreed.sort(key=lambda each: each.margin, reverse=True)
    clear = agreed[: max(GOLDEN_CASES, len(agreed) // 2)]
    clear.sort(key=lambda each: len(each.source))
    picked = np.unique(np.linspace(0, len(clear) - 1, GOLDEN_CASES).round().astype(int))
    return [
        GoldenCase(
            source_ids=tuple(each.source),
            options=options,
            token_ids=each.torch[0].token_ids,
            score=each.torch[0].score,
        )
        for each in (clear[index] for index in picked)
    ]
