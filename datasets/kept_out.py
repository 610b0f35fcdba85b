"""Pictures that measure the models and may therefore never train one."""

from __future__ import annotations

KEPT_OUT = frozenset(
    {
        "train_0",  # of mixed_traffic: a frame that the camera of the evaluation street took
        "test_a3cffcdbff959432",
        "valid_68778b3e66bd53d2",
        "train_031a836081712b50",
    }
)
"""File stems, in any of the sets of road pictures that are trained on. The frames of the evaluation
street itself (fixedcam_street_seq) are no such set: no script that trains takes them."""
