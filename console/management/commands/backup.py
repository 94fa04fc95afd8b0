"""Back up an installation of `up`, while it runs or not."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from console.installation import backup
from console.installation.archives import NotSteady
from console.installation.backup import CannotBackUp
from console.management.data_dir import DataDirCommand


class Command(DataDirCommand):
    help = "Write two files into a folder: the data, and the keys, to be kept apart."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", type=Path)
        parser.add_argument("--without-keys", action="store_true")

    def handle(self, **options: Any) -> None:
        try:
            files = backup.write(
                options["folder"].resolve(), with_keys=not options["without_keys"]
            )
        except (CannotBackUp, NotSteady) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{options['folder']} cannot be written: {error.strerror}. "
                "No back-up was made."
            ) from error
        for path in files:
            self.stdout.write(str(path))
        if len(files) > 1:
            self.stdout.write(
                "Whoever has both files can read the secrets: keep them apart."
            )
