from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AsyncConfigConfig(AppConfig):
    name = "asyncconfig"
    verbose_name = _("Asynchronous invocation")
