"""What can be wrong with a model or its card.

Every message is written for the person who can mend the cause: what was wrong, where, what to do.
"""

from __future__ import annotations


class ModelError(ValueError):
    """Root of the errors about models: something given as a model cannot be used."""


class BadCard(ModelError):
    """A card that cannot be read, or that says something no card may say."""


class BadModelFile(ModelError):
    """A model file that is missing, altered, or not what its card says."""


class ModelNotFound(ModelError, LookupError):
    """No card of that name and version in any of the folders."""
