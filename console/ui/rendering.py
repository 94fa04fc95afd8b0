"""How forms are rendered: one template per field, everywhere."""

from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Finds form templates among the project's own."""

    field_template_name = "components/field.html"
