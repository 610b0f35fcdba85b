import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra train)")

from models.mixed_precision import half_where_quick  # noqa: E402

KINDS = {True: torch.bfloat16, False: torch.float32}


@pytest.mark.parametrize("quick", [True, False])
def test_a_cpu_that_is_slow_in_half_precision_keeps_the_whole(monkeypatch, quick):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: quick)
    with half_where_quick():
        product = torch.ones(4, 4) @ torch.ones(4, 4)
    assert product.dtype is KINDS[quick]
    assert product[0, 0] == 4
