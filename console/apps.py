from django.apps import AppConfig
from django.contrib.admin import apps as administration
from django.utils.translation import gettext_lazy as _

from console.sqlite import turn


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = _("Console")

    def ready(self) -> None:
        turn.listen()


class AdministrationConfig(administration.AdminConfig):
    """Django's administration, entered by the console's own door."""

    default = False  # of this module, whose own is the console
    default_site = "console.security.admin_site.Administration"
