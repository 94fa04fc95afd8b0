"""The one door to the runtime: what a version is run from, and running it."""

import logging
import time
from collections import OrderedDict
from pathlib import Path

from django.conf import settings

from functions.models import Version
from functions.runtime import Call, Outcome, Pool, Spec
from functions.runtime.codestore import name_of
from functions.runtime.isolation import Isolation

KEPT_SPECS = 64
PRUNE_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Runner:
    """Runs versions in warm instances; one per worker process.

    `spec_of` reads the database and belongs to the dispatcher's thread. `run` does
    not, and may be called from many threads at once.
    """

    def __init__(self, *, root: Path) -> None:
        self._specs: OrderedDict[str, Spec] = OrderedDict()
        self._pruned_at = time.monotonic()
        self.pool = Pool(
            root=root,
            idle_seconds=settings.INSTANCE_IDLE_SECONDS,
            memory_budget_mb=settings.INSTANCE_MEMORY_MB,
            highest_level=settings.ISOLATION_LEVEL,
            users=settings.INSTANCE_USERS,
        )
        logger.log(
            logging.INFO if self.isolation.is_full else logging.WARNING,
            "Isolation of user code: %s",
            self.isolation,
        )
        if not self.may_run:
            logger.error(
                "Nothing runs here: this host lets user code be confined by nothing. "
                "ALLOW_UNISOLATED=true lets it run all the same."
            )

    @property
    def isolation(self) -> Isolation:
        """How user code is confined here."""
        return self.pool.isolation

    @property
    def may_run(self) -> bool:
        """Whether user code may run here at all."""
        return self.isolation.level > 0 or settings.ALLOW_UNISOLATED

    def spec_of(self, version: Version, *, memory_size: int | None = None) -> Spec:
        """Return what the version is run from; its code is read on first use only.

        `memory_size` (MB) takes the place of the version's own.
        """
        memory = memory_size or version.memory_size
        key = f"{version.pk}.{version.revision}.{memory}"
        spec = self._specs.get(key) or _spec(version, key, memory)
        self._specs[key] = spec
        self._specs.move_to_end(key)
        while len(self._specs) > KEPT_SPECS:
            self._specs.popitem(last=False)
        return spec

    def run(self, spec: Spec, call: Call) -> Outcome:
        """Run once; whatever user code does is an Outcome."""
        return self.pool.invoke(spec, call)

    def tidy(self) -> None:
        """Let go of instances and, now and then, of code that is no longer used.

        Belongs to the dispatcher's thread, like `spec_of`.
        """
        self.pool.reap()
        if time.monotonic() - self._pruned_at < PRUNE_SECONDS:
            return
        self._pruned_at = time.monotonic()
        try:
            self.pool.prune(_names_of_code)
        except OSError as error:
            logger.warning("Unpacked code could not be looked through: %s", error)


def _names_of_code() -> set[str]:
    living = Version.objects.filter(deleted_at=None, function__deleted_at=None)
    rows = living.values_list("code_id", "code_type", "code_filename").distinct()
    return {name_of(*row) for row in rows.iterator()}


def _spec(version: Version, key: str, memory_size: int) -> Spec:
    return Spec(
        key=key,
        project_id=version.function.project.project_id,
        function=version.function.name,
        package=version.function.package,
        version=version.name,
        runtime=version.runtime,
        handler=version.handler,
        timeout=float(version.timeout),
        memory_mb=memory_size,
        code_digest=version.code_id,
        code=bytes(version.code.content),
        code_type=version.code_type,
        code_filename=version.code_filename,
        user_data=version.user_data | version.encrypted_user_data,
        initializer_handler=version.initializer_handler,
        initializer_timeout=float(version.initializer_timeout),
        network=version.network,
    )
