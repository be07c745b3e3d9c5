"""Classifies images with MediaPipe Tasks' ImageClassifier.

A job is ``{"file", "images"}``, ``images`` the paths of RGB images; the answer ``{"categories"}``
has a list of ``[index, score, name]`` for each, the best first.
"""

import mediapipe
from lines import serve
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions


def classify(job):
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=job["file"]))
    with ImageClassifier.create_from_options(options) as classifier:
        found = [classifier.classify(mediapipe.Image.create_from_file(i)) for i in job["images"]]
    return {
        "categories": [
            [(each.index, each.score, each.category_name) for each in categories]
            for categories in (one.classifications[0].categories for one in found)
        ]
    }


serve(classify, fatal=RuntimeError)
