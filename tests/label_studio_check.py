"""Checks a file for import with Label Studio's own SDK. Runs in the environment of the SDK, not in that of the package.

``python label_studio_check.py CONFIG.xml FILE.json ...`` prints a JSON list per file of what the SDK objects to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def objections(config: str, tasks: Any) -> list[str]:
    """What a Label Studio server looks at on import: the configuration, the data, and every entry of predictions."""
    # Here, so that whoever collects the tests can import this file without the SDK.
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk.label_interface.objects import PredictionValue, TaskValue
    from label_studio_sdk.types.import_api_request import ImportApiRequest
    from pydantic import TypeAdapter, ValidationError

    interface = LabelInterface(config)
    interface.validate()
    found: list[str] = []
    if not isinstance(tasks, list):
        return ["the file is no list of tasks"]
    for number, task in enumerate(tasks):
        try:
            TaskValue.model_validate(task)
            # Within a task a prediction does not name the task that it is for.
            predictions = [{**prediction, "task": number} for prediction in task["predictions"]]
            TypeAdapter(ImportApiRequest).validate_python({**task, "predictions": predictions})
            for prediction in task["predictions"]:
                PredictionValue.model_validate(prediction, strict=True)
        except (ValidationError, TypeError, KeyError) as error:
            found.append(f"task {number}: {error}")
            continue
        # Its check of whole tasks calls the one of predictions without any; so data and predictions go one by one.
        if not interface.validate_task({"data": task["data"]}):
            found.append(f"task {number}: the data lacks a field of the configuration")
        ids: set[str] = set()
        for prediction in task["predictions"]:
            own = f"task {number}, {prediction['model_version']}"
            found += [f"{own}: {text}" for text in interface.validate_prediction(prediction, return_errors=True)]
            here = {entry["id"] for entry in prediction["result"]}
            found += [f"{own}: id {name} stands for two regions" for name in sorted(here & ids)]
            ids |= here
    return found


if __name__ == "__main__":
    text, *files = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
    json.dump([objections(text, json.loads(file)) for file in files], sys.stdout)
