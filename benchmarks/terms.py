"""Whether terms hold: `python -m benchmarks.terms BUNDLE RUN`.

In dev sentences of a prepared run, a phrase is found by word alignment that is translated in the
reference. The sentence is translated three times: with nothing asked for; with the reference's
words as the phrase's translation; and with the phrase as one not to be translated, which is then
looked for in a reference that has it, too.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.answering import Asking, answers_of, pipeline_of, running
from benchmarks.report import Report, Row
from model_export.corpus import Line, Split, read_split
from model_export.marks import aligned_phrases
from model_export.metrics import bleu
from service.bundle.loader import Provider, load_bundle
from service.domain import Direction
from service.pipeline import TextRequest
from service.pipeline.holding import find_target
from service.text.glossary import Entry, Glossary

# Training lines that alignment is learned from, per direction, beside those that are asked.
_ALIGNED_LINES = 60_000
# Characters of the shortest phrase that is asked for.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence and a phrase in it."""

    line: Line
    source: str
    target: str

    @property
    def kept(self) -> str:
        """The reference with the source's phrase in it."""
        return self.line.target.replace(self.target, self.source, 1)

    def request(self, *, keep: bool | None) -> TextRequest:
        """What is asked: the phrase kept, translated as in the reference, or nothing."""
        entry = Entry(self.source, None if keep else self.target, "")
        glossaries = () if keep is None else (Glossary([entry]),)
        return TextRequest(self.line.source, self.line.direction, glossaries=glossaries)


def main() -> int:
    """Measure every direction of a bundle, print the table, write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.terms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("run", type=Path, help="prepared run directory")
    parser.add_argument("--sentences", type=int, default=1000, help="of each direction, at most")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle, Provider.CPU, threads=1)
    rows: list[Row] = []
    with running(bundle) as engine:
        pipeline = pipeline_of(bundle, engine)
        for direction in bundle.manifest.prefixes:
            items = _items(arguments.run, direction, arguments.sentences)
            rows += asyncio.run(measured(pipeline, direction, items))
    Report(
        f"terms-{bundle.manifest.name}",
        "Terms that held, and BLEU of the sentences they are in",
        {
            "bundle": bundle.manifest.name,
            "digest": bundle.manifest.digest[:12],
            "precision": bundle.precision.value,
            "beam": bundle.manifest.search.beam_size,
        },
        rows,
        [
            "held: by the model; inserted: it lost the placeholder, and alignment said where",
            "references of what is not to be translated have the source's words in them",
        ],
    ).publish()
    return 0


async def measured(pipeline: Asking, direction: Direction, items: Sequence[Item]) -> list[Row]:
    """One row for each way to ask."""
    rows: list[Row] = []
    for name, keep in (("nothing", None), ("translation", False), ("do not translate", True)):
        answers = await answers_of(pipeline, [item.request(keep=keep) for item in items])
        inserted = sum(any(each.use.is_inserted for each in answer.terms) for answer in answers)
        held = sum(
            find_target(answer.text, item.source if keep else item.target, ()) is not None
            for item, answer in zip(items, answers, strict=True)
        )
        references = [item.kept if keep else item.line.target for item in items]
        rows.append(
            {
                "direction": str(direction),
                "asked for": name,
                "sentences": len(items),
                "held %": 100 * (held - inserted) / len(items),
                "inserted %": 100 * inserted / len(items),
                "BLEU": bleu([answer.text for answer in answers], references).value,
            }
        )
    return rows


def _items(run: Path, direction: Direction, count: int) -> list[Item]:
    train, dev = (
        [line for line in read_split(run, split) if line.direction == direction]
        for split in (Split.TRAIN, Split.DEV)
    )
    lines = [*train[:: max(1, len(train) // _ALIGNED_LINES)], *dev]
    random = np.random.default_rng(0)
    items: list[Item] = []
    for line, phrases in list(zip(lines, aligned_phrases(lines), strict=True))[-len(dev) :]:
        pairs = [(line.source[slice(*a)], line.target[slice(*b)]) for a, b in phrases]
        found = [pair for pair in pairs if min(map(len, pair)) >= _SHORTEST]
        if found:
            items.append(Item(line, *found[random.integers(len(found))]))
    return items[:count]


if __name__ == "__main__":
    sys.exit(main())
