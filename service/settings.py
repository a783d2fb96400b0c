"""Every setting of the service: typed, described, defaulted here and nowhere else.

Settings come from `SEQ2SERVE_*` environment variables. A variable of that prefix that is not
a setting is refused by name, because a misspelt limit that is silently ignored is found on
the worst day. docs/settings.md is made of the descriptions here, by `service.cli.settings_page`.
"""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.decoding.buckets import read_buckets
from service.errors import SettingsError

PREFIX = "SEQ2SERVE_"

# What `max_batch_sources` is when it is not set, by what runs the model.
BATCH_SOURCES = {"cpu": 16, "cuda": 64}

# Kubernetes puts SEQ2SERVE_PORT=tcp://10.0.0.7:8000 and friends into every container beside a
# Service that is called seq2serve.
_SERVICE_LINK_HINT = (
    "; it looks like a Kubernetes service link: set `enableServiceLinks: false` in the pod, "
    "or name the Service something else"
)

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


class Settings(BaseSettings):
    """The service's settings; frozen, so what was checked is what runs.

    `load_settings` reads them from the environment and gives readable errors.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. `0.0.0.0` listens on all, as a container must.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    models_dir: Path = Field(
        default=Path("models"),
        description="Directory of bundles; every directory in it with a `manifest.json` is one.",
    )
    glossaries_dir: Path | None = Field(
        default=None,
        description=(
            "Directory of glossaries that requests can name, `NAME.SOURCE-TARGET.tsv` or `.csv`, "
            "read once at start. Unset: there are none."
        ),
    )
    provider: Literal["auto", "cpu", "cuda", "require-cuda"] = Field(
        default="auto",
        description=(
            "Where models run. `auto` takes CUDA when it is there, else the CPU; `cuda` prefers "
            "CUDA and says loudly when it got the CPU; `require-cuda` refuses to start without."
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least severe log lines written. Logs go to stderr, one JSON a line.",
    )

    keys_file: Path | None = Field(
        default=None,
        description=(
            "File of API keys, which `python -m service keys` makes; see [access](access.md). "
            "The service writes what they use into it. Unset: keys are ignored."
        ),
    )
    keys_required: bool = Field(
        default=True,
        description=(
            "With a `keys_file`, whether requests without a key are refused. `false` serves them "
            "without limits."
        ),
    )
    cors_origins: str | None = Field(
        default=None,
        description=(
            "Origins whose pages may read answers, as `https://app.example`, separated by commas; "
            "`*` for any. Unset: none but the service's own."
        ),
    )

    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description=(
            "Threads that decode, per model, each with batches of its own. Two with one ONNX "
            "Runtime thread each beat one with two. Unset: the CPU cores that the process may use "
            "(affinity and control group quota) divided by `threads`, and 1 on a GPU."
        ),
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="ONNX Runtime threads of each worker."
    )

    max_queue_sources: int = Field(
        default=2048,
        ge=1,
        description="Sentences that may wait, per model; beyond it requests get 429.",
    )
    max_queue_tokens: int = Field(
        default=131_072,
        ge=1,
        description="Source tokens that may wait, per model; beyond it requests get 429.",
    )
    max_batch_sources: int | None = Field(
        default=None,
        ge=1,
        description=(
            f"Sentences that one worker decodes at the same time. Unset: {BATCH_SOURCES['cpu']}, "
            f"and {BATCH_SOURCES['cuda']} on a GPU."
        ),
    )
    max_batch_tokens: int = Field(
        default=16_384,
        ge=1,
        description=(
            "Size of one worker's batches together: sentences x source tokens (padding included) "
            "x beam. A sentence that exceeds it alone is refused."
        ),
    )
    max_encode_tokens: int = Field(
        default=512,
        ge=1,
        description=(
            "Source tokens (padding included) that a worker reads between two chunks of decoding. "
            "Small: new texts delay those that are being answered less. Large: long texts alone "
            "are answered at a higher rate. A longer sentence is read alone."
        ),
    )
    cuda_graphs: str = Field(
        default="16x64x4,64x64x4,64x256x4",
        description=(
            "Shapes, sentences x source tokens x beam, that each worker on a GPU captures CUDA "
            "graphs for at start; or `none`. A batch runs in the smallest that holds it, and "
            "slower when none does."
        ),
    )

    max_text_chars: int = Field(
        default=50_000, ge=1, description="Characters of one text; beyond it the answer is 413."
    )
    max_sentences: int = Field(
        default=1024,
        ge=1,
        description="Sentences of one text that go to a model; beyond it the answer is 413.",
    )
    max_texts: int = Field(default=256, ge=1, description="Texts in one request; beyond it 413.")
    max_terms: int = Field(
        default=1000,
        ge=0,
        description=(
            "Terms that a request may bring along, in `glossary` and `do_not_translate` together; "
            "beyond it 413."
        ),
    )
    max_term_chars: int = Field(
        default=200,
        ge=1,
        description="Characters of one of them, or of its translation; beyond it 413.",
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        ge=1024,
        description=(
            "Bytes of a request's body, a file in it not counted; refused with 413 before it is "
            "all read."
        ),
    )

    max_file_bytes: int = Field(
        default=10_485_760,
        ge=1024,
        description="Bytes of a file sent to /translate_file; beyond it the answer is 413.",
    )
    max_unpacked_bytes: int = Field(
        default=67_108_864,
        ge=1024,
        description=(
            "Bytes that a .docx, .odt or .epub may unpack to; refused with 413 before it is "
            "unpacked."
        ),
    )
    max_file_chars: int = Field(
        default=500_000,
        ge=1,
        description="Characters of text in one file; beyond it the answer is 413.",
    )
    max_files: int = Field(
        default=4,
        ge=1,
        description="Files that are translated at the same time; beyond it requests get 429.",
    )
    max_kept_files: int = Field(
        default=100,
        ge=1,
        description="Translated files kept to be fetched; beyond it the oldest goes.",
    )
    max_kept_bytes: int = Field(
        default=33_554_432,
        ge=1024,
        description=(
            "Bytes of all translated files that are kept; beyond it the oldest go. They lie in "
            "the directory for temporary files."
        ),
    )
    max_kept_s: float = Field(
        default=3600.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a translated file can be fetched.",
    )

    jobs_dir: Path | None = Field(
        default=None,
        description=(
            "Directory where jobs are kept, for this process alone; made if it is not there. "
            "Unset: jobs are kept in memory, and lost when the process ends."
        ),
    )
    max_jobs: int = Field(
        default=1000, ge=1, description="Jobs that are kept, finished ones too; beyond it 429."
    )
    max_job_chars: int = Field(
        default=1_000_000,
        ge=1,
        description="Characters of all texts of one job; beyond it the answer is 413.",
    )
    max_job_body_bytes: int = Field(
        default=8_388_608,
        ge=1024,
        description="Bytes of the body of `POST /jobs`; as `max_body_bytes` for other requests.",
    )
    max_jobs_bytes: int = Field(
        default=268_435_456,
        ge=65_536,
        description=(
            "Bytes that all jobs may take when a new one comes; beyond it 429. Their results are "
            "not known by then, so leave as much again on the disk."
        ),
    )
    job_age_s: float = Field(
        default=86_400.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a finished job and its result are kept.",
    )

    default_timeout_s: float = Field(
        default=30.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds a request may take when it names no `timeout_s`; then 504.",
    )
    max_timeout_s: float = Field(
        default=120.0,
        gt=0,
        allow_inf_nan=False,
        description=(
            "Largest `timeout_s` a request may ask for; and how long its body may take to arrive, "
            "beyond it the answer is 408."
        ),
    )
    drain_timeout_s: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description=(
            "Seconds that requests in flight may take to finish after SIGTERM. Keep it below "
            "the orchestrator's grace period."
        ),
    )

    @field_validator("cuda_graphs")
    @classmethod
    def _shapes_can_be_read(cls, text: str) -> str:
        read_buckets(text)
        return text

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, text: str | None) -> str | None:
        for origin in origins_in(text):
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: SCHEME://HOST[:PORT], without a path")
        return text

    @model_validator(mode="after")
    def _timeouts_agree(self) -> Self:
        if self.default_timeout_s > self.max_timeout_s:
            raise ValueError(
                f"default_timeout_s is {self.default_timeout_s:g}; "
                f"max_timeout_s is {self.max_timeout_s:g} and cannot be smaller"
            )
        return self


def origins_in(text: str | None) -> list[str]:
    """The origins of `cors_origins`."""
    return [origin.strip() for origin in (text or "").split(",") if origin.strip()]


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: A `SEQ2SERVE_*` variable is unknown or its value is not allowed; the
            message names it.
    """
    _refuse_unknown(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_problems(error))) from None


def variable(setting: str) -> str:
    """The environment variable of a setting: port -> SEQ2SERVE_PORT."""
    return PREFIX + setting.upper()


def _refuse_unknown(names: Iterable[str]) -> None:
    known = [name.upper() for name in Settings.model_fields]
    unknown = sorted(
        name
        for name in names
        if name.upper().startswith(PREFIX) and name.upper().removeprefix(PREFIX) not in known
    )
    if not unknown:
        return
    messages = []
    for name in unknown:
        nearest = difflib.get_close_matches(name.upper().removeprefix(PREFIX), known, n=1)
        hint = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else ""
        if "SERVICE_" in name or "_PORT_" in name:
            hint = _SERVICE_LINK_HINT
        messages.append(f"unknown setting {name}{hint}")
    everything = ", ".join(PREFIX + name for name in known)
    raise SettingsError(f"{'; '.join(messages)} (known: {everything})")


def _problems(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            yield message
            continue
        value = problem["input"]
        hint = _SERVICE_LINK_HINT if str(value).startswith("tcp://") else ""
        message = message[0].lower() + message[1:]
        yield f"{variable(str(problem['loc'][0]))} is {value!r}: {message}{hint}"
