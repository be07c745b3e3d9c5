"""Classifies images with MediaPipe Tasks' ImageClassifier.

A job is ``{"file", "images"}``, ``images`` the paths of RGB images, and ``"regions"``: for each
image None, or ``{"left", "top", "right", "bottom"}`` of the part that counts, as shares. The
answer ``{"categories"}`` has a list of ``[index, score, name]`` for each, the best first.
"""

import mediapipe
from lines import serve
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.components.containers.rect import RectF
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions
from mediapipe.tasks.python.vision.core.image_processing_options import ImageProcessingOptions


def classify(job):
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=job["file"]))
    with ImageClassifier.create_from_options(options) as classifier:
        found = [
            classifier.classify(
                mediapipe.Image.create_from_file(image),
                ImageProcessingOptions(RectF(**region)) if region else None,
            )
            for image, region in zip(job["images"], job["regions"], strict=True)
        ]
    return {
        "categories": [
            [(each.index, each.score, each.category_name) for each in categories]
            for categories in (one.classifications[0].categories for one in found)
        ]
    }


serve(classify, fatal=RuntimeError)
