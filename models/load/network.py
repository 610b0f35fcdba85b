"""The load-state network: the first layers of a YOLO detector and a small head that sees where.

Only training needs this module (and torch, and ultralytics for the detector's layers); the product
runs the exported ONNX file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from ultralytics import YOLO

STEM_LAYERS = 9
"""Layers taken from the detector: up to stride 32."""
FROZEN_LAYERS = 3
"""Of these, the first that keep their weights: up to stride 4, edges and colours."""
_FINE_LAYERS, _DEEP_LAYERS = 5, 7
"""The first layers that end at stride 8, and at stride 16."""
_FINE_FEATURES = 256  # 128 channels at stride 8, brought to stride 16, and 128 at stride 16
_DEEPEST_FEATURES = 256  # at stride 32
_WIDTH = 96
OPSET = 17
STRIDE = 32
_STYLE_SPREAD = 0.3


class StyleMixing(nn.Module):  # type: ignore[misc]
    """Exchanges contrast and cast of feature channels between the pictures of a batch.

    MixStyle (Zhou et al., ICLR 2021): what a rendered and a real picture differ in lies mostly in
    mean and deviation of the early features; mixing these makes later layers look at shape. Does
    nothing in evaluation.
    """

    def __init__(self, share: float) -> None:
        """Set how often a batch is mixed, 0 to 1."""
        super().__init__()
        self.share = share

    def forward(self, features: Tensor) -> Tensor:
        """Mix features, float ``[N, C, H, W]``."""
        if not self.training or torch.rand(()) >= self.share:
            return features
        mean = features.mean(dim=(2, 3), keepdim=True)
        spread = (features.var(dim=(2, 3), keepdim=True) + 1e-6).sqrt()
        order = torch.randperm(len(features))
        beta = torch.distributions.Beta(_STYLE_SPREAD, _STYLE_SPREAD)
        own = beta.sample((len(features), 1, 1, 1))
        mixed_spread = own * spread + (1 - own) * spread[order]
        mixed_mean = own * mean + (1 - own) * mean[order]
        return (features - mean) / spread * mixed_spread + mixed_mean


class LoadNetwork(nn.Module):  # type: ignore[misc]
    """Log-odds of the load states of one crop.

    The first layers stay as the detector has them: they have seen real streets, and training on
    rendered trucks would only fit them to renders. The next ones learn slowly: earth, tarpaulins
    and the inside of load boxes are nothing that the detector was asked for. The head keeps a
    coarse grid of places: where in the truck earth is seen tells a heap above the boards from a
    level load, and both from what lies behind the truck. At each place it joins what is seen there
    in detail with what the deepest layers make of the surroundings.
    """

    def __init__(
        self,
        stem: Sequence[nn.Module],
        *,
        classes: int,
        size_px: int,
        style_share: float,
        dropout: float,
    ) -> None:
        """Put the network together.

        Args:
            stem: The detector's layers, `STEM_LAYERS` of them.
            classes: How many states there are.
            size_px: Width and height of a crop, a multiple of `STRIDE`.
            style_share: Share of batches whose styles are mixed.
            dropout: Share of head features left out in training.
        """
        super().__init__()
        self.frozen = nn.Sequential(*stem[:FROZEN_LAYERS]).requires_grad_(False)
        self.mixing = StyleMixing(style_share)
        self.fine = nn.Sequential(*stem[FROZEN_LAYERS:_FINE_LAYERS])
        self.deep = nn.Sequential(*stem[_FINE_LAYERS:_DEEP_LAYERS])
        self.deepest = nn.Sequential(*stem[_DEEP_LAYERS:])
        self.detail = nn.Sequential(
            nn.Conv2d(_FINE_FEATURES, _WIDTH, 1),
            nn.SiLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, stride=2, padding=1),
            nn.SiLU(),
        )
        self.surroundings = nn.Sequential(nn.Conv2d(_DEEPEST_FEATURES, _WIDTH, 1), nn.SiLU())
        self.head = nn.Sequential(
            nn.Conv2d(2 * _WIDTH, _WIDTH, 1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(_WIDTH * (size_px // STRIDE) ** 2, _WIDTH),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(_WIDTH, classes),
        )

    def train(self, mode: bool = True) -> LoadNetwork:
        """Switch dropout and style mixing; batch statistics stay the detector's.

        They were measured on real road pictures, and rendered ones would drive them off.
        """
        super().train(mode)
        for layers in (self.frozen, self.fine, self.deep, self.deepest):
            layers.eval()
        return self

    def tuned_parameters(self) -> list[nn.Parameter]:
        """Weights that come from the detector and learn on."""
        return [
            *self.fine.parameters(),
            *self.deep.parameters(),
            *self.deepest.parameters(),
        ]

    def head_parameters(self) -> list[nn.Parameter]:
        """Weights that are not the detector's and begin at random."""
        return [
            *self.detail.parameters(),
            *self.surroundings.parameters(),
            *self.head.parameters(),
        ]

    def forward(self, crops: Tensor) -> Tensor:
        """Return log-odds ``[N, classes]`` of crops ``[N, 3, H, W]``, RGB, 0 to 1."""
        fine: Tensor = self.fine(self.mixing(self.frozen(crops)))
        deep: Tensor = self.deep(fine)
        detail = self.detail(torch.cat([functional.avg_pool2d(fine, 2), deep], dim=1))
        seen = torch.cat([detail, self.surroundings(self.deepest(deep))], dim=1)
        logits: Tensor = self.head(seen)
        return logits


def stem_of(weights: Path) -> list[nn.Module]:
    """Take the first layers out of a YOLO checkpoint."""
    return list(YOLO(str(weights)).model.float().model[:STEM_LAYERS])


class _Probabilities(nn.Module):  # type: ignore[misc]
    def __init__(self, network: LoadNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> Tensor:
        """Return probabilities, rows sum to 1: the mean over a crop and its mirror image.

        A load looks the same from either side; what is said of one only is chance.
        """
        mirrored: Tensor = self.network(crop.flip(3)).softmax(dim=1)
        return (self.network(crop).softmax(dim=1) + mirrored) / 2


def export_onnx(network: LoadNetwork, path: Path, *, size_px: int, classes: Sequence[str]) -> None:
    """Write the network as ONNX: input ``crop``, output ``probabilities``, any number of crops.

    Args:
        network: What to write; it is put into evaluation.
        path: File to write.
        size_px: Width and height of a crop.
        classes: Names of the outputs, written into the metadata as ``names``.
    """
    import onnx

    torch.onnx.export(
        _Probabilities(network).eval(),
        (torch.zeros(1, 3, size_px, size_px),),
        str(path),
        input_names=["crop"],
        output_names=["probabilities"],
        dynamic_axes={"crop": {0: "crops"}, "probabilities": {0: "crops"}},
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(str(path))
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", json.dumps(list(classes))
    onnx.save(model, str(path))
