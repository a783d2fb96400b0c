"""What a bundle says of itself: manifest.json.

A bundle is a directory. The manifest names every file that is served with its sha256, so the
digest of that list names the model's whole content.
"""

import hashlib
import json
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.domain import Direction, MarkIds, SearchOptions, SpecialIds, Task
from service.errors import BundleDamaged
from service.trust.confidence import Calibration

MANIFEST_NAME = "manifest.json"
SCHEMA_VERSION: Final = 3


class Precision(StrEnum):
    """How a pair of graphs multiplies."""

    INT8 = "int8"
    FLOAT = "float"
    HALF = "half"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Tensor(_Section):
    """One input or output of a graph."""

    dtype: str
    """NumPy's name of the element type."""
    shape: tuple[int | str, ...]
    """Axis sizes; symbols where they vary."""


class Signature(_Section):
    """What a graph takes and gives, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class Graphs(_Section):
    """The files of one precision."""

    encode: str
    advance: str
    shortlist: str | None = None
    """What `advance` scores; None when it scores the whole vocabulary."""
    rearrange: str | None = None
    """Moves rows where they lie; None for graphs that are not for a device."""


class Limits(_Section):
    """What the model was made for; more is refused."""

    max_source_tokens: Annotated[int, Field(ge=2)]
    """The end mark included."""
    max_target_tokens: Annotated[int, Field(ge=1)]
    """The end mark not included."""
    max_beam_size: Annotated[int, Field(ge=1)]


class ServedDirection(_Section):
    """A direction that the model was trained for."""

    source: str
    target: str | None
    """None for summarization."""
    prefix: tuple[int, ...]
    """Token ids that a source begins with, to name the target language; often none."""


class Corpus(_Section):
    """Text that the model learned from or was judged on."""

    name: str
    split: Literal["train", "dev", "test"]
    pairs: int
    licence: str
    origin: str
    sha256: dict[str, str]
    """Digest of each input file, by its path in the recipe."""


class Score(_Section):
    """A figure measured on what is served."""

    corpus: str
    metric: str
    value: float
    better: str
    signature: str
    sentences: int
    precision: Precision
    beam_size: int


class Knot(NamedTuple):
    """A point of a calibration's curve."""

    weighted_sum: float
    quality: float


class HeldOut(_Section):
    """How well confidence did on sentences that it was not fitted on."""

    sentences: int
    calibration_error: float
    """Mean distance of confidence from quality, over ten groups of like confidence."""
    rank_correlation: float
    """Spearman's, of confidence with quality."""


class Confidence(_Section):
    """What the model's probabilities came to on dev data, in one direction."""

    source: str
    target: str | None
    """None for a summary."""
    quality: Literal["chrF", "ROUGE-L"]
    """What is expected: sentence-level chrF2 or ROUGE-L F1 against a reference, 0 to 1."""
    typical_token: Annotated[float, Field(ge=0)]
    """Weight of the tokens' geometric mean probability; see `service.trust.confidence`."""
    mean_token: Annotated[float, Field(ge=0)]
    worst_token: Annotated[float, Field(ge=0)]
    problems: Annotated[float, Field(le=0)]
    curve: Annotated[tuple[Knot, ...], Field(min_length=1)]
    precision: Precision
    sentences: int
    """Dev sentences it was fitted on."""
    held_out: HeldOut

    @model_validator(mode="after")
    def _curve_rises(self) -> "Confidence":
        for before, after in pairwise(self.curve):
            if before.weighted_sum >= after.weighted_sum or before.quality > after.quality:
                raise ValueError("curve: the sums have to ascend, and the qualities not to descend")
        return self

    @property
    def calibration(self) -> Calibration:
        """The same as the service applies it."""
        return Calibration(
            self.typical_token, self.mean_token, self.worst_token, self.problems, self.curve
        )


class Verification(_Section):
    """That ONNX Runtime gave what PyTorch gave, and how nearly."""

    torch: str
    onnxruntime: str
    sources: int
    """Sources searched by both."""
    float_logit_difference: float
    """Largest difference of a log-probability between PyTorch and the float graphs."""
    float_equal_hypotheses: float
    """Share of n-best lists that were the same tokens, float graphs; 0 to 1."""
    int8_equal_hypotheses: float
    """Share of best hypotheses that were, int8 graphs, whose activations are rounded too."""


class Manifest(_Section):
    """manifest.json."""

    schema_version: Literal[3]
    name: str
    version: str
    task: Task
    directions: Annotated[tuple[ServedDirection, ...], Field(min_length=1)]
    """What the model does; the first one is meant where a caller names none."""
    marks: MarkIds | None
    """Marks in a source that the model obeys; None when it was taught none."""
    description: str
    limitations: str
    licence: str
    attribution: tuple[str, ...]
    data: tuple[Corpus, ...]
    recipe: dict[str, Any]
    """The recipe that made the model, whole."""
    vocabulary: str
    """File name of the SentencePiece model of both sides."""
    vocabulary_size: int
    special_ids: SpecialIds
    graphs: dict[Precision, Graphs]
    signature: dict[str, Signature]
    """Of each `encode` and `advance` graph, by file name."""
    steps: int
    """Most decoder steps of one `advance`."""
    limits: Limits
    search: SearchOptions
    """The defaults the model is served with."""
    golden: str
    """File name of the golden cases."""
    files: dict[str, str]
    """sha256 of every file that is served: all but this one and the model card."""
    verification: Verification | None
    """None until `verify` has passed; such a bundle is not served."""
    scores: tuple[Score, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    """By direction; without, the service says nothing of confidence there."""

    @model_validator(mode="after")
    def _files_are_listed(self) -> "Manifest":
        named = {self.vocabulary, self.golden}
        for graphs in self.graphs.values():
            named |= {name for _, name in graphs if name is not None}
        if missing := named - self.files.keys():
            raise ValueError(f"files without a sha256: {sorted(missing)}")
        if outside := [name for name in self.files if Path(name).name != name]:
            raise ValueError(f"files outside the bundle: {outside}")
        return self

    @property
    def prefixes(self) -> dict[Direction, tuple[int, ...]]:
        """What a source of each direction begins with, in the manifest's order."""
        return {Direction(each.source, each.target): each.prefix for each in self.directions}

    @property
    def calibrations(self) -> dict[Direction, Calibration]:
        """What confidence is read with, by direction."""
        return {Direction(each.source, each.target): each.calibration for each in self.confidence}

    @property
    def digest(self) -> str:
        """sha256 over the names and digests of all files: the identity of the model."""
        listing = json.dumps(sorted(self.files.items()), separators=(",", ":"))
        return hashlib.sha256(listing.encode()).hexdigest()

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Read a bundle's manifest.

        Raises:
            BundleDamaged: It is missing, not JSON, or not a manifest of this schema version.
        """
        path = directory / MANIFEST_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BundleDamaged(f"{path} cannot be read: {error}") from error
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise BundleDamaged(
                f"{path} has schema version {version!r}; this service reads {SCHEMA_VERSION}"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
            )
            raise BundleDamaged(f"{path} is not a manifest: {problems}") from error

    def write(self, directory: Path) -> None:
        """Write manifest.json, for people to read too."""
        content = self.model_dump(mode="json")
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (directory / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
