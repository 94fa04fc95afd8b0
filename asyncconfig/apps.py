from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from asyncconfig.worker import jobs


class AsyncConfigConfig(AppConfig):
    name = "asyncconfig"
    verbose_name = _("Asynchronous invocation")

    def ready(self) -> None:
        jobs.disarm()
