#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from console import env


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    # Settings read the data directory when they are imported.
    if sys.argv[1:2] == ["up"]:
        env.choose_data_dir(sys.argv[2:])
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
