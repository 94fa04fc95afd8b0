"""Say what the targets are that were configured before places were kept."""

from django.db import migrations
from django.db.models import Case, CharField, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Cast, Concat, StrIndex, Substr


def name_places(apps, schema_editor):
    functions = apps.get_model("functions", "Function").objects
    configs = apps.get_model("asyncconfig", "AsyncConfig").objects
    deliveries = apps.get_model("asyncconfig", "Delivery").objects
    for side in ("success", "failure"):
        named = functions.filter(pk=OuterRef(f"on_{side}_function")).values_list(
            Concat("package", Value("/"), "name")
        )
        configs.filter(**{f"on_{side}_function__isnull": False}).update(
            **{f"on_{side}_place": Subquery(named)}
        )
    project = functions.filter(pk=OuterRef("function")).values("project")
    # All of them are functions, shown as [package/]name:qualifier.
    name = Substr("target", 1, StrIndex("target", Value(":")) - 1)
    package = Case(When(target__contains="/", then=Value("")), default=Value("default/"))
    deliveries.filter(target__contains=":").update(
        place=Concat(
            Cast(Subquery(project), CharField()),
            Value(":"),
            F("kind"),
            Value(":"),
            package,
            name,
        )
    )


class Migration(migrations.Migration):
    dependencies = [("asyncconfig", "0003_destinations")]

    operations = [migrations.RunPython(name_places, migrations.RunPython.noop)]
