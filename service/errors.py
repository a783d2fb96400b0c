"""Everything that can go wrong, as one tree.

    ServiceError                      code                  HTTP
    |- RequestError                   bad_request           400
    |  |- UnsupportedLanguage         unsupported_language  400
    |  |- TooLarge                    too_large             413
    |  |- BodyTooSlow                 body_too_slow         408
    |  |- UnsupportedEncoding         unsupported_encoding  415
    |  |- UnknownModel                unknown_model         404
    |  |- UnknownFile                 unknown_file          404
    |  |- UnknownGlossary             unknown_glossary      404
    |  |- UnknownJob                  unknown_job           404
    |  |- JobUnfinished               job_unfinished        409
    |  `- NotOffered                  not_offered           403
    |- Forbidden                      forbidden             403
    |  `- QuotaExceeded               quota_exceeded        403
    |- RateLimited                    rate_limited          429   (Retry-After)
    |- Overloaded                     overloaded            429   (Retry-After)
    |- Unavailable                    unavailable           503   (Retry-After)
    |  |- Draining                    draining              503
    |  `- EngineDead                  engine_dead           503
    |- DecodingFailed                 decoding_failed       500
    |- DeadlineExceeded               deadline_exceeded     504
    |- Cancelled                      cancelled             499
    |- SettingsError                  bad_settings          -
    `- BundleError                    bad_bundle            -
       |- BundleDamaged               bundle_damaged        -
       |- BundleUnverified            bundle_unverified     -
       `- GoldenMismatch              golden_mismatch       -

`code` is the same word in the JSON body, the log line and the metric label. Messages say
the limit and the value ("source has 812 tokens; the limit is 512") and never quote the
user's text.
"""

from typing import ClassVar


class ServiceError(Exception):
    """Root of the tree; never raised itself.

    Attributes:
        code: Closed vocabulary: JSON body, log line and metric label alike.
        http_status: Status of the answer when the error reaches HTTP.
        retry_after_s: Seconds after which trying again makes sense, or None.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    retry_after_s: float | None = None


class RequestError(ServiceError):
    code = "bad_request"
    http_status = 400


class UnsupportedLanguage(RequestError):
    code = "unsupported_language"


class TooLarge(RequestError):
    code = "too_large"
    http_status = 413


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    code = "body_too_slow"
    http_status = 408


class UnsupportedEncoding(RequestError):
    """The body is compressed; limits on what it unpacks to would be needed."""

    code = "unsupported_encoding"
    http_status = 415


class UnknownModel(RequestError):
    code = "unknown_model"
    http_status = 404


class NotOffered(RequestError):
    """A route that other services have and this one does not."""

    code = "not_offered"
    http_status = 403


class UnknownFile(RequestError):
    code = "unknown_file"
    http_status = 404


class UnknownGlossary(RequestError):
    code = "unknown_glossary"
    http_status = 404


class UnknownJob(RequestError):
    code = "unknown_job"
    http_status = 404


class JobUnfinished(RequestError):
    code = "job_unfinished"
    http_status = 409


class Forbidden(ServiceError):
    """No key where one is needed, or one that is not good."""

    code = "forbidden"
    http_status = 403


class QuotaExceeded(Forbidden):
    """403 and not 429, which clients try again: it will not help before next month."""

    code = "quota_exceeded"


class RateLimited(ServiceError):
    """The key asks faster than it may; nothing of the request was accepted."""

    code = "rate_limited"
    http_status = 429

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(ServiceError):
    """The queue is full; nothing of the request was accepted."""

    code = "overloaded"
    http_status = 429

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(ServiceError):
    code = "unavailable"
    http_status = 503
    retry_after_s = 5.0


class Draining(Unavailable):
    code = "draining"


class EngineDead(Unavailable):
    code = "engine_dead"


class DecodingFailed(ServiceError):
    """The model could not decode this one source; its cause is chained."""

    code = "decoding_failed"


class DeadlineExceeded(ServiceError):
    code = "deadline_exceeded"
    http_status = 504


class Cancelled(ServiceError):
    """The client left; nobody reads this answer, the log line and the metric do."""

    code = "cancelled"
    http_status = 499


class SettingsError(ServiceError):
    code = "bad_settings"


class BundleError(ServiceError):
    code = "bad_bundle"


class BundleDamaged(BundleError):
    code = "bundle_damaged"


class BundleUnverified(BundleError):
    code = "bundle_unverified"


class GoldenMismatch(BundleError):
    code = "golden_mismatch"
