"""Speed at equal BLEU: `python -m benchmarks.quality_speed --peer DIRECTORY`.

Real sentences at their real lengths, translated by our shipped model and by a Transformer that
was trained on the same lines (`benchmarks/peers/train_transformer.py`) and runs in CTranslate2
in int8. Both on all cores at every beam, in the best of their own settings, which is looked for
first; then all in turn. BLEU is that of the very translations that were timed.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.entrants import PEERS_PYTHON
from benchmarks.frontier import Point, comparisons
from benchmarks.interleave import Contestant, Spread, interleave, ratio
from benchmarks.peers.protocol import Child, python_module
from benchmarks.peers.text_job import CONVERTED
from benchmarks.report import Report, Row
from benchmarks.translators import Manner, Ours, Peer, Translator
from model_export.config import CorpusFiles
from model_export.corpus.reading import FilesReader
from model_export.metrics import bleu
from model_export.recipe import direction_of, parse_recipe
from service.bundle import Bundle, Provider, load_bundle
from service.domain import Direction

_BEAMS = (1, 2, 4)
_WARM_UP_LINES = 100
_TRIAL_LINES = 600


@dataclass(slots=True)
class Entry:
    """One translator at one beam, and what came of it.

    Attributes:
        who: The translator.
        manner: The best it can do.
        from_text: Whether tokenising and joining are on the clock.
        lines: What it translates.
        texts: What it made of them, of the last run.
    """

    who: Translator
    manner: Manner
    from_text: bool
    lines: Sequence[str]
    texts: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Unique in a contest."""
        return f"{self.who.name} beam {self.manner.beam} from {self.begins_with}"

    @property
    def begins_with(self) -> str:
        """What lies there when the clock starts."""
        return "text" if self.from_text else "tokens"

    def run(self) -> float:
        """Translate everything; sentences a second."""
        seconds, self.texts = self.who.translate(self.manner, self.lines, from_text=self.from_text)
        return len(self.lines) / seconds


def main() -> int:
    """Measure, print the table, write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("models/tatoeba-en-de"))
    parser.add_argument(
        "--peer", type=Path, required=True, help="directory that convert_transformer has filled"
    )
    parser.add_argument("--sentences", type=int, help="as many, evenly spaced; else all")
    parser.add_argument("--rounds", type=int, default=3, help="turns of everybody")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle, Provider.CPU, threads=1)
    corpus, direction, pairs = corpus_pairs(bundle, os.environ)
    pairs = evenly_spaced(pairs, arguments.sentences or len(pairs))
    lines = [source for source, _ in pairs]
    with ExitStack() as stack:
        ours = Ours(bundle.manifest, direction, bundle.tokenizer, bundle.model)
        stack.enter_context(closing(ours))
        peers, about = _peers(arguments.peer, bundle, stack)
        translators: list[Translator] = [ours, *peers]
        manners = [(who, best_manner(who, beam, lines)) for who in translators for beam in _BEAMS]
        entries = [
            Entry(who, manner, from_text, lines)
            for who, manner in manners
            for from_text in (True, False)
        ]
        spreads = interleave([Contestant(e.name, e.run) for e in entries], arguments.rounds)
    quality = {e.name: bleu(e.texts, [target for _, target in pairs]) for e in entries}
    scores = {name: score.value for name, score in quality.items()}
    part = "-part" if arguments.sentences else ""
    Report(
        f"quality-speed{part}",
        "Sentences a second (median) and BLEU on real text, all cores",
        {
            "bundle": bundle.manifest.name,
            "digest": bundle.manifest.digest[:12],
            "precision": bundle.precision.value,
            "CTranslate2": about,
            "corpus": corpus,
            "sentences": len(lines),
            "rounds": arguments.rounds,
            "metric": next(iter(quality.values())).signature,
        },
        [_row(entry, scores[entry.name], spreads[entry.name]) for entry in entries],
        [
            *verdicts(entries, scores, spreads),
            "setting: size of a batch; each core decodes batches of its own",
        ],
        [
            {"name": name, "round": number, "sentences/s": sample}
            for name, spread in spreads.items()
            for number, sample in enumerate(spread.samples, 1)
        ],
    ).publish()
    return 0


def corpus_pairs(
    bundle: Bundle, environment: Mapping[str, str]
) -> tuple[str, Direction, list[tuple[str, str]]]:
    """Name, direction and pairs of the first test corpus of the bundle's recipe.

    Args:
        bundle: Knows its recipe.
        environment: Says where the recipe's data lies, `DATA_DIR`.
    """
    recipe = parse_recipe(bundle.manifest.recipe)
    corpus = next(corpus for corpus in recipe.data.test if isinstance(corpus, CorpusFiles))
    pairs = [(pair.source, pair.target) for pair in FilesReader(corpus, environment)]
    return corpus.name, direction_of(corpus, recipe.directions), pairs


def evenly_spaced(pairs: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """`count` of the pairs, or all when there are no more.

    Worked case: 3 of a b c d e f g -> a c e.
    """
    count = min(count, len(pairs))
    return [pairs[number * len(pairs) // count] for number in range(count)]


def best_manner(who: Translator, beam: int, lines: Sequence[str]) -> Manner:
    """The fastest manner on a part of the lines, the better of two runs of each."""
    stride = max(1, len(lines) // _TRIAL_LINES)
    some = lines[::stride]

    def seconds(manner: Manner) -> float:
        who.translate(manner, some[:_WARM_UP_LINES], from_text=True)
        return min(who.translate(manner, some, from_text=True)[0] for _ in range(2))

    best = min(who.manners(beam), key=seconds)
    print(f"{who.name}, beam {beam}: {best}", file=sys.stderr)
    return best


def verdicts(
    entries: Sequence[Entry], scores: Mapping[str, float], spreads: Mapping[str, Spread]
) -> list[str]:
    """Speed at equal or better BLEU in words: from text first, the highest BLEU first."""
    found = []
    for begins_with in ("text", "tokens"):
        ours: list[Point] = []
        theirs: list[Point] = []
        for entry in entries:
            if entry.begins_with == begins_with:
                side = ours if entry.who.name == Ours.name else theirs
                name = entry.name
                side.append(Point(name, scores[name], spreads[name].median))
        for each in comparisons(ours, theirs):
            times = ratio(spreads, each.ours.name, each.theirs.name)
            found.append(
                f"BLEU {each.level:.2f} or better from {begins_with}: {times:.2f} times as fast; "
                f"{_shown(each.ours)} against {_shown(each.theirs)}"
            )
    return found


def _shown(point: Point) -> str:
    return f"{point.name} ({point.bleu:.2f}, {point.speed:.0f}/s)"


def _peers(directory: Path, bundle: Bundle, stack: ExitStack) -> tuple[list[Peer], str]:
    """The peers that the directory has, and the version of their library."""
    command = python_module(PEERS_PYTHON, "benchmarks.peers.text_peer")
    child = stack.enter_context(Child("CTranslate2", command, {}))
    about = child.load({"directory": str((directory / CONVERTED).resolve())})
    kinds = (False, True) if about["shortlist"] else (False,)
    search = bundle.manifest.search
    return [Peer(child, search, shortlist=shortlist) for shortlist in kinds], about["version"]


def _row(entry: Entry, score: float, spread: Spread) -> Row:
    return {
        "who": entry.who.name,
        "beam": entry.manner.beam,
        "from": entry.begins_with,
        "BLEU": round(score, 2),
        "sentences/s": spread.median,
        "lowest": spread.low,
        "highest": spread.high,
        "setting": str(entry.manner),
    }


if __name__ == "__main__":
    sys.exit(main())
