from django.apps import AppConfig
from django.contrib.admin import apps as administration
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = _("Console")


class AdministrationConfig(administration.AdminConfig):
    """Django's administration, entered by the console's own door."""

    default = False  # of this module, whose own is the console
    default_site = "console.security.admin_site.Administration"
