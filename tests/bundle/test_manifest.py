"""manifest.json: what it holds, what it refuses, and what names the model."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from model_export.card import CARD_NAME, model_card, write_card
from service.bundle.loader import find_bundles
from service.bundle.manifest import MANIFEST_NAME, Manifest, Score
from service.errors import BundleDamaged, SettingsError

GRAPHS = {"encode": "e", "advance": "a", "shortlist": "s", "rearrange": "r"}
SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "manifest.schema.json"


def edit(bundle: Path, **changes: Any) -> None:
    path = bundle / MANIFEST_NAME
    content = json.loads(path.read_text(encoding="utf-8"))
    content |= changes
    path.write_text(json.dumps(content), encoding="utf-8")


def test_what_is_written_is_read(bundle: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(bundle)
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert (tmp_path / MANIFEST_NAME).read_bytes() == (bundle / MANIFEST_NAME).read_bytes()


def test_the_schema() -> None:
    """After a change made on purpose: UPDATE_SNAPSHOTS=1 and a new schema version."""
    schema = Manifest.model_json_schema()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    assert schema == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"schema_version": 1}, "has schema version 1; this service reads 3"),
        ({"schema_version": None}, "has schema version None"),
        ({"task": "poetry"}, "task: Input should be 'translation' or 'summarization'"),
        ({"vocabulary": "other.spm"}, "files without a sha256: ['other.spm']"),
        ({"golden": "other.jsonl"}, "files without a sha256: ['other.jsonl']"),
        ({"graphs": {"half": GRAPHS}}, "files without a sha256: ['a', 'e', 'r', 's']"),
        ({"limits": {"max_source_tokens": 5}}, "limits.max_target_tokens: Field required"),
        ({"special_ids": "0 1 2 3"}, "special_ids: "),
    ],
)
def test_what_is_no_manifest_is_refused(bundle: Path, changes: Any, message: str) -> None:
    edit(bundle, **changes)
    with pytest.raises(BundleDamaged) as caught:
        Manifest.read(bundle)
    assert str(bundle / MANIFEST_NAME) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_what_is_no_json_object_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(BundleDamaged, match=re.escape(str(bundle / MANIFEST_NAME))):
        Manifest.read(bundle)


def test_no_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged, match="cannot be read"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["../weights.bin", "/etc/passwd", "sub/weights.bin"])
def test_files_outside_the_bundle_are_refused(bundle: Path, name: str) -> None:
    manifest = Manifest.read(bundle)
    edit(bundle, files={**manifest.files, name: "0" * 64})
    with pytest.raises(BundleDamaged, match="files outside the bundle"):
        Manifest.read(bundle)


def test_the_digest_names_the_content(bundle: Path) -> None:
    manifest = Manifest.read(bundle)
    digests = {manifest.digest}
    for name in manifest.files:
        changed = manifest.model_copy(update={"files": {**manifest.files, name: "0" * 64}})
        digests.add(changed.digest)
    fewer = dict(list(manifest.files.items())[1:])
    digests.add(manifest.model_copy(update={"files": fewer}).digest)
    assert len(digests) == len(manifest.files) + 2
    # Neither the order of the list nor what is said about the model changes what it is.
    turned = dict(reversed(manifest.files.items()))
    assert manifest.model_copy(update={"files": turned}).digest == manifest.digest
    assert manifest.model_copy(update={"description": "other"}).digest == manifest.digest


def test_every_file_of_the_bundle_is_listed(bundle: Path) -> None:
    names = {path.name for path in bundle.iterdir()}
    assert names == {*Manifest.read(bundle).files, MANIFEST_NAME}


def test_bundles_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "no-bundle"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / MANIFEST_NAME).touch()
    assert find_bundles(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(SettingsError, match="does not exist"):
        find_bundles(tmp_path / "none")


def test_the_card_says_what_the_manifest_does(bundle: Path) -> None:
    manifest = Manifest.read(bundle)
    score = Score(
        corpus="reversed",
        metric="BLEU",
        value=12.346,
        better="up",
        signature="s",
        sentences=9,
        precision=next(iter(manifest.graphs)),
        beam_size=3,
    )
    write_card(manifest.model_copy(update={"scores": (score,)}), bundle)
    card = (bundle / CARD_NAME).read_text(encoding="utf-8")
    said = ("# tiny", "en to de", "CC0", "- nobody", "Knows nothing.", "(9) | BLEU | 12.35 | up")
    for part in (*said, manifest.digest[:16]):
        assert part in card, part
    assert "Not measured." in model_card(manifest)
    unverified = manifest.model_copy(update={"verification": None})
    assert "refuses this bundle" in model_card(unverified)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("reversed-letters", "reversed-letters.toml\n"),
        ("reversed-letters-seed-7", "reversed-letters.toml --seed 7\n"),
        ("private", None),
        ("private-seed-7", None),
    ],
)
def test_the_card_names_only_recipes_that_exist(
    bundle: Path, name: str, command: str | None
) -> None:
    card = model_card(Manifest.read(bundle).model_copy(update={"name": name}))
    assert "`manifest.json` under `recipe`" in card
    if command is None:
        assert ".toml" not in card
    else:
        assert card.endswith(f"    python -m model_export all model_export/recipes/{command}")
