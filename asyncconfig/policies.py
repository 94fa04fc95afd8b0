"""Which schedule holds for an invocation: its configuration's, or the default."""

from django.conf import settings

from asyncconfig.decisions.schedule import Policy
from asyncconfig.models import AsyncConfig, Invocation
from asyncconfig.models.config import DEFAULT_AGE_SECONDS


def from_numbers(retries: int, max_age: float) -> Policy:
    """Return the schedule of a configuration with these numbers (dialog, API)."""
    return Policy.configured(
        retries,
        max_age,
        base=settings.ASYNC_RETRY_BASE_SECONDS,
        cap=settings.ASYNC_RETRY_CAP_SECONDS,
    )


def of(mode: str, config: AsyncConfig | None) -> Policy:
    if mode == Invocation.Mode.SYNC:
        return Policy.once(settings.SYNC_WAIT_SECONDS)
    if config is not None:
        return from_numbers(config.max_retries, config.max_age_seconds)
    return Policy.default(
        DEFAULT_AGE_SECONDS,
        base=settings.ASYNC_RETRY_BASE_SECONDS,
        cap=settings.ASYNC_RETRY_CAP_SECONDS,
    )
