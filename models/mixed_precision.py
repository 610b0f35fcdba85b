"""Half precision in training, where it pays.

Only training needs this module (extra `train`).
"""

from __future__ import annotations

import torch


def half_where_quick(device: str = "cpu") -> torch.autocast:
    """Return a context in which networks compute in bfloat16, where the device does so quickly.

    A CPU without AVX512-BF16 or AMX is left with float32: it takes ten times as long for bfloat16.

    Args:
        device: Type of the device, "cpu" or "cuda".
    """
    quick = device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=quick)
