"""Runs user code in warm child processes. No Django, no settings of its own."""

from functions.runtime.outcome import Kind, Outcome
from functions.runtime.pool import Pool
from functions.runtime.spec import Call, Spec
from functions.runtime.zygotes import available_runtimes

__all__ = ["Call", "Kind", "Outcome", "Pool", "Spec", "available_runtimes"]
