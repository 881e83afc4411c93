"""What can be wrong with a backup."""

from __future__ import annotations

from fauna.errors import FaunaError


class BackupError(FaunaError):
    """It cannot be done as asked.  The text says why, and what was expected; nothing has been changed."""


class Damaged(BackupError):
    """A file of a backup is not what it was when it was written.  The text names it."""


class Stopped(BackupError):
    """Somebody has asked that it go no further."""
