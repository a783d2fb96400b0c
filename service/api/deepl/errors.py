"""Failures in DeepL's words: `{"message": "..."}`, which its clients show to their users.

Nothing else may be in the body: a `detail` that is no text crashes the official client.
"""

from service.errors import QuotaExceeded, ServiceError

# DeepL's paths that are no paths here, and what there is instead. Longer prefixes come first.
_INSTEAD = (
    ("/v2/document", "/translate_file takes files"),
    ("/v2/glossar", "glossaries are files of the server, /v2/glossaries lists them"),
    ("/v3/glossar", "glossaries are files of the server, /v2/glossaries lists them"),
    ("/v2/write", "no model of this service rephrases or corrects"),
    ("/v3/style_rules", "translate without a style_id"),
    ("/v3/translation_memor", "translate without a translation_memory_id"),
)
_OFFERED = "/v2/translate, /v2/languages, /v2/usage, /v2/glossaries"

# What DeepL's clients know as "used up"; here it is a 403.
_STATUSES = {QuotaExceeded.code: 456}


def is_deepl(path: str) -> bool:
    """Whether a path is one of DeepL's, offered or not."""
    return path.startswith(("/v2/", "/v3/"))


def status_of(error: ServiceError) -> int:
    """DeepL's status for an error."""
    return _STATUSES.get(error.code, error.http_status)


def not_offered(method: str, path: str) -> str:
    """What to say of a route of DeepL's that does not exist here."""
    instead = next((hint for prefix, hint in _INSTEAD if path.startswith(prefix)), None)
    hint = f"; {instead}" if instead else ""
    return f"{method} {path} is not offered{hint}; of DeepL's API there are {_OFFERED}"
