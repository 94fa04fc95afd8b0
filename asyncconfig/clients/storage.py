"""Which object storage is called, and with which key: OBS, or any other S3.

The protocol itself is in `s3`, which is loaded when it is first needed: boto3
takes half a second to import, and most processes never call it.
"""

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.clients.objects import (
    Account,
    Patience,
    Storage,
    StorageError,
    Trouble,
)
from asyncconfig.models.config import OBS
from functions import endpoints
from functions.addresses import AddressRefused
from functions.models import Version

# The first object of a bucket may wait for its volume; a page or a dialog may not.
SENDING = Patience(2.0, 15.0)
LOOKING = Patience(1.0, 2.0)


def own_account() -> Account:
    """Return the storage of this installation; raises StorageError without one."""
    if not settings.OBS_ENDPOINT:
        raise StorageError(
            _(
                "This installation has no object storage. Start it without --no-obs, "
                "or set OBS_ENDPOINT."
            ),
            Trouble.NO_STORAGE,
            permanent=False,
        )
    return Account(
        endpoint=settings.OBS_ENDPOINT,
        access_key=settings.OBS_ACCESS_KEY,
        secret_key=settings.OBS_SECRET_KEY,
        region=settings.REGION,
        is_own=True,
    )


def own_endpoint(version: Version) -> bool:
    """Say whether a version's agency leads to the storage of this installation."""
    return not version.reach.endpoint(OBS)


def account_of(version: Version) -> Account:
    """Return the storage that a version's agency leads to; may raise StorageError."""
    if own_endpoint(version):
        return own_account()
    reach = version.reach
    try:
        endpoints.check(reach.endpoint(OBS))
    except AddressRefused as error:
        raise StorageError(str(error), Trouble.OTHER, permanent=True) from error
    return Account(
        endpoint=reach.endpoint(OBS),
        access_key=reach.access_key,
        secret_key=reach.secret_key,
        region=reach.region or settings.REGION,
        is_own=False,
    )


def connect(account: Account, pace: Patience) -> Storage:
    """Return the account's storage; threads may share it. Nothing is sent yet."""
    from asyncconfig.clients import s3  # noqa: PLC0415 - slow, see above

    return s3.storage(account, pace)


def own(pace: Patience = LOOKING) -> Storage:
    """Return the storage of this installation; raises StorageError without one."""
    return connect(own_account(), pace)
