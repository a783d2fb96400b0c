"""Targets of a teacher: the same however often the step is killed, and the closest of a beam."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export import checkpoint, distillation
from model_export.__main__ import main
from model_export.corpus import Line, Split, read_split
from model_export.dataset import load_pairs
from model_export.distillation import TARGETS_NAME, closest, distil, training_lines
from model_export.errors import CorpusError, RecipeError
from model_export.metrics import sentence_bleu
from model_export.preparation import prepare
from model_export.recipe import Recipe, load_recipe, parse_recipe
from model_export.teacher import Teacher
from model_export.vocabulary import load_vocabulary
from service.bundle.manifest import Precision
from service.decoding.batch import decode
from service.domain import SearchOptions
from tests.bundle.making import RECIPE, make_bundle, prepare_run

ROOT = Path(__file__).parents[2]
CHUNK = 16
WORDS = st.lists(st.sampled_from(["the", "cat", "a", "mat", "sat"]), min_size=1, max_size=8)


class Killed(Exception):
    pass


class Echo:
    """A teacher whose second hypothesis is right, and who knows nothing of some lines."""

    def __init__(self, kill_at_chunk: int = -1) -> None:
        self.chunks = 0
        self.kill_at_chunk = kill_at_chunk

    def __call__(self, lines: Sequence[Line], search: SearchOptions) -> list[list[str]]:
        if self.chunks == self.kill_at_chunk:
            raise Killed
        self.chunks += 1
        found = [
            [] if line.source.startswith("7") else [f"{line.target} 0", line.target, ""]
            for line in lines
        ]
        return [each[: search.num_hypotheses] for each in found]


def student(*teachers: str, **settings: Any) -> Recipe:
    values = RECIPE.model_dump(mode="json")
    values |= {"name": "student", "distillation": {"teachers": teachers or ["t"], **settings}}
    return parse_recipe(values)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "CHUNK_LINES", CHUNK)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    prepare(student(), tmp_path, {})
    return tmp_path


def distilled(run: Path) -> list[str]:
    return (run / TARGETS_NAME).read_text().splitlines()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("kill_at_chunk", [0, 1, 5])
def test_a_killed_step_ends_as_an_uninterrupted_one(
    run: Path, kill_at_chunk: int, workers: int
) -> None:
    whole = Echo()
    distil(student(), run, whole, teacher="t", workers=workers)
    expected = (run / TARGETS_NAME).read_bytes()
    (run / TARGETS_NAME).unlink()
    with pytest.raises(Killed):
        distil(student(), run, Echo(kill_at_chunk), teacher="t", workers=workers)
    assert len(distilled(run)) <= kill_at_chunk * CHUNK
    rest = Echo()
    distil(student(), run, rest, teacher="t", workers=workers)
    assert (run / TARGETS_NAME).read_bytes() == expected
    if workers == 1:
        assert rest.chunks == whole.chunks - kill_at_chunk


@pytest.mark.parametrize("cut", [0, 1, 15, 300, -1])
def test_half_a_chunk_is_made_again(run: Path, cut: int) -> None:
    distil(student(), run, Echo(), teacher="t")
    path = run / TARGETS_NAME
    expected = path.read_bytes()
    path.write_bytes(expected[:cut])
    distil(student(), run, Echo(), teacher="t")
    assert path.read_bytes() == expected


def test_what_is_done_is_not_done_again(run: Path) -> None:
    distil(student(), run, Echo(), teacher="t")
    idle = Echo()
    distil(student(repeat=7), run, idle, teacher="t")
    assert idle.chunks == 0


@pytest.mark.parametrize(
    ("settings", "teacher"), [({"mode": "best"}, "t"), ({"beam_size": 2}, "t"), ({}, "another")]
)
def test_other_settings_or_another_teacher_begin_anew(
    run: Path, settings: dict[str, Any], teacher: str
) -> None:
    distil(student(), run, Echo(), teacher="t")
    again = Echo()
    distil(student(**settings), run, again, teacher=teacher)
    assert again.chunks == -(-len(distilled(run)) // CHUNK)


def test_the_mode_says_which_hypothesis_is_learned(run: Path) -> None:
    lines = list(read_split(run, Split.TRAIN))
    distil(student(mode="closest"), run, Echo(), teacher="t")
    assert distilled(run) == [line.target for line in lines]
    distil(student(mode="best"), run, Echo(), teacher="t")
    assert distilled(run) == [
        line.target if line.source.startswith("7") else f"{line.target} 0" for line in lines
    ]


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_the_closest_is_that_of_an_exhaustive_comparison(
    hypotheses: list[list[str]], reference: list[str]
) -> None:
    texts = [" ".join(words) for words in hypotheses]
    wanted = " ".join(reference)
    found = closest(texts, wanted)
    scores = {text: sentence_bleu([text], [wanted])[0] for text in texts}
    first = texts.index(found)
    assert all(scores[text] < scores[found] for text in texts[:first])
    assert all(scores[text] <= scores[found] for text in texts[first:])


def test_an_equal_hypothesis_is_the_closest() -> None:
    assert closest(["a cat sat", "the cat sat", "the cat sat on"], "the cat sat") == "the cat sat"
    assert closest(["no", "neither"], "the cat") == "no"


def test_training_learns_both_targets(run: Path) -> None:
    recipe = student(mode="best", repeat=2)
    distil(recipe, run, Echo(), teacher="t")
    lines = list(read_split(run, Split.TRAIN))
    learned = training_lines(recipe, run)
    assert learned[: 2 * len(lines)] == [*lines, *lines]
    assert [line.target for line in learned[2 * len(lines) :]] == distilled(run)
    assert [line[::2] for line in learned[2 * len(lines) :]] == [line[::2] for line in lines]
    assert len(load_pairs(recipe, run, load_vocabulary(run))) == 3 * len(lines)


def test_training_refuses_targets_that_are_not_there(run: Path) -> None:
    recipe = student()
    with pytest.raises(CorpusError, match="run `distil` first"):
        training_lines(recipe, run)
    with pytest.raises(Killed):
        distil(recipe, run, Echo(kill_at_chunk=2), teacher="t")
    with pytest.raises(CorpusError, match=r"has 32 of \d+ lines; `distil` goes on"):
        training_lines(recipe, run)
    distil(recipe, run, Echo(), teacher="t")
    with pytest.raises(CorpusError, match="not of these data and settings"):
        training_lines(student(mode="best"), run)


def test_a_recipe_without_a_teacher_has_nothing_to_distil(run: Path) -> None:
    with pytest.raises(RecipeError, match=r"tiny has no \[distillation\] section"):
        distil(RECIPE, run, Echo(), teacher="t")
    with pytest.raises(RecipeError, match=r"tiny has no \[distillation\] section"):
        Teacher.load(RECIPE, Precision.INT8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the run and the bundle of a network that answers loudly and at random."""
    directory = tmp_path_factory.mktemp("teachers")
    prepare_run(directory / "run")
    content = checkpoint.load(directory / "run" / checkpoint.MODEL_NAME)
    content["model"] = RECIPE.model.model_dump(mode="json")
    checkpoint.save(directory / "run" / checkpoint.MODEL_NAME, content)
    make_bundle(directory / "run", directory / "bundle")
    return directory


SEARCH = SearchOptions(3, 3, 1.0, 1, 12)


@pytest.mark.parametrize("kind", ["run", "bundle"])
def test_a_teacher_says_what_its_model_says_to_each_line_alone(made: Path, kind: str) -> None:
    recipe = student(str(made / kind))
    teacher = Teacher.load(recipe, Precision.INT8)
    direction = recipe.directions[0]
    texts = ["3 1 4", "2", "3 1 4", "9 " * 60, "1 2 3 4 5 6 7"]
    said = teacher.translate([Line(text, "?", direction) for text in texts], SEARCH)
    for text, hypotheses in zip(texts, said, strict=True):
        source = [*teacher.tokenizer.encode(text), teacher.tokenizer.end_id]
        if len(source) > RECIPE.limits.max_source_tokens:
            assert hypotheses == []
        else:
            (alone,) = decode(teacher.model, [source], SEARCH)
            assert hypotheses == [teacher.tokenizer.decode(each.token_ids) for each in alone]


def test_a_teacher_has_to_know_what_is_asked(made: Path) -> None:
    run, bundle = str(made / "run"), str(made / "bundle")
    with pytest.raises(RecipeError, match="is a bundle, whose probabilities cannot be averaged"):
        Teacher.load(student(run, bundle), Precision.INT8)
    values = student(bundle).model_dump(mode="json")
    for corpus in values["data"]["train"]:
        corpus["direction"] = {"source": "en", "target": "fr"}
    values["directions"] = [{"source": "en", "target": each} for each in ("de", "fr")]
    with pytest.raises(RecipeError, match="has no direction en fr"):
        Teacher.load(parse_recipe(values), Precision.INT8)
    values["distillation"]["teachers"] = [run]
    with pytest.raises(RecipeError, match="has no <2de>"):
        Teacher.load(parse_recipe(values), Precision.INT8)


TOY = """
name = "student"
task = "translation"
directions = [{{ source = "en", target = "de" }}]
data.train = [{{ generator = "reversed_letters", count = 200, max_letters = 12 }}]
data.dev_fraction = 0.2
vocabulary.size = 300
model = {{ size = 32, attention_heads = 2, encoder_heads = 2, kernel_size = 3 }}
training = {{ max_steps = 2, evaluate_every = 2, batch_tokens = 200, start_from = "{start}" }}
distillation = {{ teachers = ["{teacher}"] }}
search = {{ beam_size = 3, max_decoding_length = 12 }}
card = {{ description = "toy", licence = "none" }}
"""


def test_from_a_teacher_to_a_student_that_starts_with_its_weights(
    made: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "student.toml"
    recipe.write_text(TOY.format(start=made / "run", teacher=made / "bundle"))
    run = tmp_path / "run"
    for step in ("prepare", "distil", "train"):
        assert main([step, str(recipe), "--run", str(run)]) == 0
    assert (run / "vocabulary.spm").read_bytes() == (made / "run/vocabulary.spm").read_bytes()
    assert len(distilled(run)) == sum(1 for _ in read_split(run, Split.TRAIN))
    assert checkpoint.load_progress(run).step == 2
    assert checkpoint.load_weights(run)[0] == load_recipe(recipe).model


def test_the_student_of_the_recipes_is_made_as_its_teacher() -> None:
    recipes = ROOT / "model_export" / "recipes"
    teacher = load_recipe(recipes / "tatoeba-mul-en-base.toml")
    student = load_recipe(recipes / "tatoeba-mul-en-distilled.toml")
    for section in ("directions", "vocabulary", "marks", "model", "search"):
        assert getattr(student, section) == getattr(teacher, section), section
    assert student.training.start_from == f"runs/{teacher.name}"
    assert student.distillation is not None
    assert student.distillation.teachers == (f"models/{teacher.name}",)
