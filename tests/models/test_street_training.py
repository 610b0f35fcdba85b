from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra train)")
pytest.importorskip("ultralytics", reason="ultralytics is not installed (extra train)")

from datasets.classes import STREET_CLASSES  # noqa: E402
from models.cards import CARD_FILE, read_card  # noqa: E402
from models.street.surgery import network_from_onnx  # noqa: E402
from models.street.training import Keeping, read_recipe  # noqa: E402

STREET = Path(__file__).parents[2] / "models" / "street"
WIDTH, HEIGHT = 160, 96
STALL, CAR = (STREET_CLASSES.index(name) for name in ("stall", "car"))
LEFT_HALF = (0.25, 0.5, 0.5, 1.0)


@pytest.fixture(scope="module")
def network():
    card = read_card(STREET / CARD_FILE)
    return network_from_onnx(STREET / card.file, tuple(card.classes))


@pytest.fixture
def pictures():
    torch.manual_seed(1)
    return torch.rand(2, 3, HEIGHT, WIDTH)


@pytest.fixture
def scores(network, pictures):
    network.train()
    with torch.no_grad():
        return network(pictures)["scores"].float()


def labelled(number):
    return torch.tensor([[0.0, number, *LEFT_HALF]])


def columns(low, high):
    """Which anchors' centres lie between two shares of the width."""
    inside = []
    for stride in (8, 16, 32):
        x = (torch.arange(WIDTH // stride) + 0.5) * stride / WIDTH
        inside.append(((x > low) & (x < high)).repeat(HEIGHT // stride))
    return torch.cat(inside)


def changed(scores, where):
    other = scores.clone()
    other[0][:, where] += 3.0
    return other


def test_what_was_said_before_is_wanted_where_nothing_is_learned_anew(network, pictures, scores):
    keeping = Keeping(network, ["stall"])
    right = columns(0.5, 1.0)
    same = keeping.loss(pictures, labelled(STALL), scores)
    assert keeping.loss(pictures, labelled(STALL), changed(scores, right)) > same * 1.2


def test_in_boxes_of_what_is_learned_anew_labels_alone_count(network, pictures, scores):
    keeping = Keeping(network, ["stall"])
    left = columns(0.0, 0.5)
    same = keeping.loss(pictures, labelled(STALL), scores)
    assert keeping.loss(pictures, labelled(STALL), changed(scores, left)) == same
    of_another_class = keeping.loss(pictures, labelled(CAR), changed(scores, left))
    assert of_another_class > keeping.loss(pictures, labelled(CAR), scores) * 1.2


def test_it_is_a_copy_that_is_kept(network, pictures, scores):
    keeping = Keeping(network, ["stall"])
    before = keeping.loss(pictures, labelled(STALL), scores)
    bias = network.model[-1].cv3[0][-1].bias
    with torch.no_grad():
        bias += 5.0
        try:
            assert keeping.loss(pictures, labelled(STALL), scores) == before
        finally:
            bias -= 5.0


def test_the_recipes_that_ship_can_be_read_and_the_second_forgets_nothing():
    first, second = (read_recipe(STREET / name) for name in ("train.yaml", "further.yaml"))
    assert first.keep == 0.0
    assert second.keep > 0.0
    assert set(second.learned_anew) < set(STREET_CLASSES)
