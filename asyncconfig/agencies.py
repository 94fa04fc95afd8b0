"""What an agency must allow before a destination can be reached."""

import json

from django.utils.translation import gettext as _

from functions.models import Agency, Version
from functions.models.agency import Reach


def reach(version: Version) -> Reach:
    """Return what a version's agency leads to; without one, what is our own."""
    return version.agency.reach if version.agency else Reach()


def missing(agency: Agency | None, action: str) -> str:
    """Return the sentence that says which right is missing, or "" when none is."""
    if agency is None:
        return _("No agency is set. Set an agency that allows %(action)s.") % {
            "action": action
        }
    if not agency.allows(action):
        return _("Agency %(agency)s lacks %(action)s.") % {
            "agency": agency.name,
            "action": action,
        }
    return ""


def smallest_policy(action: str) -> str:
    """Return the least policy, as JSON, that allows the action."""
    statement = {"Effect": "Allow", "Action": [action]}
    return json.dumps({"Version": "1.1", "Statement": [statement]}, indent=2)
