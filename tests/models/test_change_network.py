"""The change network: sizes, directions, and an export that answers alike."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from models.change.network import STRIDE, ChangeNetwork, Exported  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ChangeNetwork().eval()


def pictures(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def test_it_is_small(network):
    assert sum(p.numel() for p in network.parameters()) < 3_000_000


@pytest.mark.parametrize(("rows", "cols"), [(64, 64), (48, 96), (STRIDE, STRIDE)])
def test_it_answers_at_half_size_and_ships_at_full_size(network, rows, cols):
    before, after = pictures(2, 3, rows, cols), pictures(2, 3, rows, cols) * 0.5
    with torch.no_grad():
        appeared, vanished = network(before, after)
        shipped = Exported(network)(before, after)
    assert appeared.shape == vanished.shape == (2, 1, rows // 2, cols // 2)
    assert shipped.shape == (2, 1, rows, cols)
    assert 0 <= float(shipped.min()) <= float(shipped.max()) <= 1


def test_swapping_the_dates_swaps_the_answers(network):
    before, after = pictures(1, 3, 32, 32), pictures(1, 3, 32, 32) * 0.3
    with torch.no_grad():
        appeared, vanished = network(before, after)
        back = network(after, before)
    assert torch.allclose(appeared, back[1], atol=1e-5)
    assert torch.allclose(vanished, back[0], atol=1e-5)
    assert not torch.allclose(appeared, vanished, atol=1e-3)


def test_the_encoder_starts_from_given_weights(tmp_path):
    other = ChangeNetwork()
    torch.save({"model": _Detector(other)}, tmp_path / "detector.pt")
    fresh = ChangeNetwork()
    fresh.start_from(tmp_path / "detector.pt")
    for mine, theirs in zip(fresh.encoder.parameters(), other.encoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not np.allclose(fresh.decoder.score.weight.detach(), other.decoder.score.weight.detach())


class _Detector(torch.nn.Module):
    """Stands for a detector's file: more layers follow the encoder's."""

    def __init__(self, network):
        super().__init__()
        self.model = torch.nn.Sequential(*network.encoder.layers, torch.nn.Conv2d(128, 8, 1))
