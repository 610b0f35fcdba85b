"""Which adapter a case system wants."""

from __future__ import annotations

from serve.cases.adapters.answers import Adapter
from serve.cases.adapters.open311 import Open311
from serve.cases.adapters.webhook import Webhook
from serve.cases.targets import AdapterName, Target


def adapter_for(target: Target) -> Adapter:
    """Return what speaks to a case system."""
    if target.adapter is AdapterName.OPEN311:
        return Open311(target)
    return Webhook(target)
