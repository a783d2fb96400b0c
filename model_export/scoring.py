"""What PyTorch models make of prepared lines: the dev score, before there is a bundle.

A line is a source, not cut into sentences: `evaluate` scores what is served.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

from tqdm import tqdm

from model_export.corpus import Line, Split, read_corpora, read_dev_sample
from model_export.dataset import source_ids, source_prefixes
from model_export.metrics import Score, bleu, chrf, rouge
from model_export.model.search import TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from model_export.recipe import Recipe
from service.decoding.batch import decode
from service.decoding.contract import DecoderModel
from service.domain import SearchOptions, Task
from service.text.tokenizer import Tokenizer

# Lines decoded together: enough to fill batches, few enough for a lively bar.
_LINES = 1024


def answers(
    recipe: Recipe,
    model: DecoderModel,
    tokenizer: Tokenizer,
    lines: Sequence[Line],
    search: SearchOptions,
) -> list[str]:
    """The best hypothesis for each line."""
    prefixes = source_prefixes(recipe, tokenizer)
    sources = [source_ids(line, tokenizer, prefixes) for line in lines]
    return [tokenizer.decode(found[0].token_ids) for found in decode(model, sources, search)]


def measure(task: Task, outputs: Sequence[str], references: Sequence[str]) -> list[Score]:
    """BLEU and chrF of a translation, ROUGE-1, 2 and L of a summary; up is better."""
    if task is Task.TRANSLATION:
        return [bleu(outputs, references), chrf(outputs, references)]
    return list(rouge(outputs, references))


def score_corpora(
    recipe: Recipe, run: Path, model: DecoderModel, tokenizer: Tokenizer
) -> Iterator[tuple[str, list[Score]]]:
    """Name and scores of each dev and test corpus of a run, with the recipe's search."""
    search = SearchOptions(num_hypotheses=1, **recipe.search.model_dump())
    for split in (Split.DEV, Split.TEST):
        for name, lines in read_corpora(run, split):
            outputs: list[str] = []
            with tqdm(total=len(lines), unit="line", desc=name) as bar:
                for start in range(0, len(lines), _LINES):
                    asked = lines[start : start + _LINES]
                    outputs += answers(recipe, model, tokenizer, asked, search)
                    bar.update(len(asked))
            yield name, measure(recipe.task, outputs, [line.target for line in lines])


def dev_scorer(recipe: Recipe, run: Path, tokenizer: Tokenizer) -> Callable[[Seq2Seq], float]:
    """Score networks by greedy answers to `evaluate_sentences` evenly spaced dev lines.

    Returns:
        Gives a network in evaluation mode its BLEU, or the mean of its ROUGE-1, 2 and L.
    """
    dev = read_dev_sample(run, recipe.training.evaluate_sentences)
    references = [line.target for line in dev]
    longest = max((len(tokenizer.encode(target)) for target in references), default=0)
    greedy = SearchOptions(
        beam_size=1,
        num_hypotheses=1,
        length_penalty=recipe.search.length_penalty,
        min_decoding_length=1,
        max_decoding_length=longest + 10,
    )

    def dev_score(network: Seq2Seq) -> float:
        model = TorchDecoder(network, tokenizer.special_ids)
        outputs = answers(recipe, model, tokenizer, dev, greedy)
        if recipe.task is Task.TRANSLATION:
            return bleu(outputs, references).value
        return fmean(found.value for found in rouge(outputs, references))

    return dev_score
