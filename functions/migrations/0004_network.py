"""Whether a version's code has a network; so far that was kept and had no effect."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def take_as_declared(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Let what API clients have declared hold from now on."""
    versions = apps.get_model("functions", "Version").objects
    declared = {"echoed__network_controller__disable_public_network": True}
    versions.filter(**declared).update(network=False)


class Migration(migrations.Migration):
    dependencies = [("functions", "0003_destinations")]

    operations = [
        migrations.AddField(
            model_name="version",
            name="network",
            field=models.BooleanField(
                db_default=True, default=True, verbose_name="public network access"
            ),
        ),
        migrations.RunPython(take_as_declared, migrations.RunPython.noop),
    ]
