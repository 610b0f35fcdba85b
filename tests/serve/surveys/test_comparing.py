"""Comparisons without the learned model, comparisons cancelled late, and what they leave."""

from datetime import timedelta

import pytest
from dbos import DBOS

from serve.db.tables import Comparison, Survey, utc_now
from serve.service import Service
from serve.surveys import comparing
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.serve.conftest import settings_for, sign_in
from tests.serve.surveys.flying import flown, fly, make_site, wait_for, write_ortho


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A service that works, an operator, and a comparison of two surveys that is done."""
    folder = tmp_path_factory.mktemp("worked")
    service = Service(settings_for(folder))
    runtime = Runtime(service, queues=(WorkQueue.SURVEY,))
    runtime.launch()
    client = sign_in(service, "operator")
    site = make_site(client)
    for name, roof, day in (("before.tif", False, "2026-05-01"), ("after.tif", True, "2026-06-01")):
        path = write_ortho(folder / name, roof=roof)
        assert wait_for(client, f"surveys/{fly(client, site, path, day)}")["state"] == "ready"
    (made,) = client.get(f"sites/{site}/comparisons").json()["items"]
    yield service, client, wait_for(client, f"comparisons/{made['id']}")
    runtime.close()
    service.close()


def files_of(service, comparison_id):
    return [stored.key for stored in service.storage.list(f"comparisons/{comparison_id}")]


def test_a_broken_model_is_done_without_and_told(worked, tmp_path):
    service, client, whole = worked
    assert whole["result"]["model_problem"] is None
    assert whole["result"]["cues"] == ["colour", "learned"]
    own = tmp_path / "own"
    (own / "change").mkdir(parents=True)
    (own / "change" / "card.yaml").write_text("name: change", encoding="utf-8")
    settings = service.settings
    service.settings = settings.model_copy(update={"models_dir": own})
    try:
        body = {"before_id": whole["before_id"], "after_id": whole["after_id"]}
        made = client.post(f"sites/{whole['site_id']}/comparisons", json=body).json()
        done = wait_for(client, f"comparisons/{made['id']}")
    finally:
        service.settings = settings
    assert (done["state"], done["problem"]) == ("done", None)
    assert done["result"]["cues"] == ["colour"]
    told = done["result"]["model_problem"]
    assert told.startswith("CITYEYE_MODELS_DIR/change/card.yaml")
    assert str(tmp_path) not in told


def test_a_comparison_cancelled_at_its_end_leaves_no_files(worked):
    """Cancelled between the storing of its files and the taking in of its findings."""
    service, client, whole = worked
    comparison_id = whole["id"]
    assert files_of(service, comparison_id)
    with service.database.write() as session:
        row = session.get(Comparison, comparison_id)
        row.state, row.finished_at = "cancelled", utc_now()
    workflow_id = f"compare-{comparison_id}"
    steps = [step["function_name"] for step in DBOS.list_workflow_steps(workflow_id)]
    taking_in = next(n for n, name in enumerate(steps, 1) if "_finish_comparison" in name)
    DBOS.fork_workflow(workflow_id, taking_in).get_result()
    assert files_of(service, comparison_id) == []
    assert client.get(f"comparisons/{comparison_id}").json()["state"] == "cancelled"


def test_what_is_left_of_comparisons_that_came_to_nothing_is_swept(service, browser):
    site = make_site(browser("operator"))
    ids = {}
    with service.database.write() as session:
        surveys = [
            Survey(site_id=site, flown_at=flown(2026, month, 1), created_by="o") for month in (1, 2)
        ]
        session.add_all(surveys)
        session.flush()
        for state, ago in (("cancelled", 5), ("failed", 5), ("done", 5), ("cancelled", 0)):
            row = Comparison(
                site_id=site, before_id=surveys[0].id, after_id=surveys[1].id, state=state,
                finished_at=utc_now() - timedelta(minutes=ago), created_by="o",
            )  # fmt: skip
            session.add(row)
            session.flush()
            ids[state, ago] = row.id
    for comparison_id in ids.values():
        service.storage.put(f"comparisons/{comparison_id}/evidence/a.jpg", b"picture")
    comparing.sweep_files(service)
    left = {name for name, each in ids.items() if files_of(service, each)}
    assert left == {("done", 5), ("cancelled", 0)}
