"""A bundle's README.md: the model card, made from its manifest."""

from pathlib import Path

from model_export.markdown import table
from service.bundle.manifest import Manifest
from service.domain import Direction

CARD_NAME = "README.md"

_RECIPES = Path(__file__).parent / "recipes"


def write_card(manifest: Manifest, directory: Path) -> None:
    """Write the model card (Mitchell et al. 2019) beside the manifest."""
    (directory / CARD_NAME).write_text(model_card(manifest), encoding="utf-8")


def model_card(manifest: Manifest) -> str:
    """The card as Markdown."""
    sections = [
        f"# {manifest.name}\n\n{manifest.description}",
        _facts(manifest),
        f"## Limits\n\n{manifest.limitations}",
        _scores(manifest),
        _confidence(manifest),
        _data(manifest),
        "## Licence and attribution\n\n"
        f"Weights: {manifest.licence}.\n\n"
        + "\n".join(f"- {credit}" for credit in manifest.attribution),
        _verification(manifest),
        _again(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _facts(manifest: Manifest) -> str:
    search, limits = manifest.search, manifest.limits
    rows = [
        ("Task", manifest.task),
        ("Languages", ", ".join(direction.in_words for direction in manifest.prefixes)),
        ("Version", manifest.version),
        ("Digest", manifest.digest[:16]),
        ("Vocabulary", f"{manifest.vocabulary_size} SentencePiece pieces, source and target"),
        ("Default search", f"beam {search.beam_size}, length penalty {search.length_penalty}"),
        (
            "Accepts",
            (
                f"{limits.max_source_tokens} source tokens, {limits.max_target_tokens} target "
                f"tokens, beam {limits.max_beam_size}"
            ),
        ),
    ]
    return table("|", rows)


def _scores(manifest: Manifest) -> str:
    if not manifest.scores:
        return "## Scores\n\nNot measured."
    rows = [
        (
            f"{score.corpus} ({score.sentences})",
            score.metric,
            f"{score.value:.2f}",
            score.better,
            f"{score.precision}, {score.beam_size}",
        )
        for score in manifest.scores
    ]
    return (
        "## Scores\n\nOf what is served: ONNX Runtime, the service's own segmentation and beam "
        "search. Signatures are in the manifest.\n\n"
        + table("test set | metric | value | better | precision, beam", rows)
    )


def _confidence(manifest: Manifest) -> str:
    if not manifest.confidence:
        return "## Confidence\n\nNot calibrated."
    head = "direction | expected | on held-out dev sentences | mean error | rank correlation"
    rows = [
        (
            Direction(each.source, each.target).in_words,
            f"sentence {each.quality}",
            each.held_out.sentences,
            f"{each.held_out.calibration_error:.3f}",
            f"{each.held_out.rank_correlation:.2f}",
        )
        for each in manifest.confidence
    ]
    return (
        "## Confidence\n\nWhat the confidence of an answer says can be expected of it "
        "(`docs/trust.md`), and how far that was from what came:\n\n" + table(head, rows)
    )


def _data(manifest: Manifest) -> str:
    rows = [
        (corpus.name, corpus.split, corpus.pairs, corpus.licence, corpus.origin)
        for corpus in manifest.data
    ]
    return "## Data\n\n" + table("corpus | used for | pairs | licence | origin", rows)


def _verification(manifest: Manifest) -> str:
    found = manifest.verification
    if found is None:
        return "## Verification\n\nNot verified; the service refuses this bundle."
    return (
        "## Verification\n\n"
        f"On {found.sources} sources the float graphs gave PyTorch's log-probabilities within "
        f"{found.float_logit_difference:.1e} and {found.float_equal_hypotheses:.1%} of its "
        f"whole n-best lists; the int8 graphs gave {found.int8_equal_hypotheses:.1%} of its "
        f"answers (torch {found.torch}, onnxruntime {found.onnxruntime})."
    )


def _again(manifest: Manifest) -> str:
    said = "## Train it again\n\nThe whole recipe is in `manifest.json` under `recipe`"
    name, _, seed = manifest.name.partition("-seed-")  # as `Recipe.with_seed` calls it
    if not (_RECIPES / f"{name}.toml").is_file():
        return f"{said}."
    return (
        f"{said}; `docs/data.md` says where the data comes from. With the data in `$DATA_DIR`:\n\n"
        f"    python -m model_export all model_export/recipes/{name}.toml"
        + (f" --seed {seed}" if seed else "")
    )
