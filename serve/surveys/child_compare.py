"""The child that compares two surveys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from serve.surveys.child import serve_one


def compare(job: dict[str, Any], tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Compare, as ``cityeye compare`` does, and keep each finding's pictures beside the results.

    Nobody stands by who could mend a broken model: the other cues do without it, and the result
    says so.
    """
    import cv2

    from models.errors import ModelError
    from models.registry import SHIPPED_FOLDER, Registry
    from vision.finding import PictureGround
    from vision.survey.compare import ComparisonInputs
    from vision.survey.comparison import CompareOptions, SurveyPictures
    from vision.survey.learned import open_change_model
    from vision.survey.writers import compare_to_folder

    out = Path(job["out"])
    paths: dict[str, Any] = {
        role: None if path is None else Path(path) for role, path in job["inputs"].items()
    }
    inputs = ComparisonInputs(**paths)
    model, model_problem = None, None
    if job["learned"]:
        own = job.get("models_dir")
        folders = (SHIPPED_FOLDER,) if own is None else (Path(own), SHIPPED_FOLDER)
        try:
            model = open_change_model(Registry(folders))
        except ModelError as error:
            model_problem = str(error)
    pictures_of: dict[str, list[dict[str, Any]]] = {}

    def keep(pictures: SurveyPictures) -> None:
        folder = out / "evidence"
        folder.mkdir(parents=True, exist_ok=True)
        for finding_id, shown in pictures.by_finding.items():
            named = {"before": shown.before, "after": shown.after, "height": shown.height}
            for role, picture in named.items():
                if picture is None:
                    continue
                name = f"{finding_id}-{role}.jpg"
                (folder / name).write_bytes(picture.jpeg)
                ground = PictureGround(
                    crs=pictures.crs.to_string(),
                    bounds=picture.bounds,
                    shift_m=shown.shift_m if role == "before" else (0.0, 0.0),
                )
                pictures_of.setdefault(finding_id, []).append(
                    {"role": role, "name": name, "ground": ground.model_dump(mode="json")}
                )

    cv2.setNumThreads(1)
    compare_to_folder(
        inputs, out, options=CompareOptions.model_validate(job["options"]), learned=model,
        progress=tell, on_pictures=keep,
    )  # fmt: skip
    return {"pictures": pictures_of, "model_problem": model_problem}


if __name__ == "__main__":
    serve_one(compare)
