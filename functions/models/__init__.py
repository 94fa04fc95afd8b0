from functions.models.agency import Agency
from functions.models.code import CodeBlob
from functions.models.function import Function
from functions.models.log_stream import LogStream
from functions.models.project import Project
from functions.models.test_event import TestEvent
from functions.models.version import Alias, Version
from functions.models.vpc import Subnet, Vpc

__all__ = [
    "Agency",
    "Alias",
    "CodeBlob",
    "Function",
    "LogStream",
    "Project",
    "Subnet",
    "TestEvent",
    "Version",
    "Vpc",
]
