#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from console import env

INTERRUPTED = 130  # What a shell makes of Ctrl-C.
TAKE_DATA_DIR = ("up", "backup", "restore", "held", "doctor", "balance", "ledger")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    # Settings read the data directory when they are imported.
    if sys.argv[1:2] and sys.argv[1] in TAKE_DATA_DIR:
        env.choose_data_dir(sys.argv[2:])
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
