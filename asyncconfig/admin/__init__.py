"""Operators' view of what happened, and of this installation's own services."""

from asyncconfig.admin import history, services

__all__ = ["history", "services"]
