"""Runs .tflite files on ai-edge-litert's CompiledModel; jobs and answers as interpreter.py's."""

import math

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from lines import serve


def run(job):
    with CompiledModel.from_file(job["file"]) as model:
        key = model.get_signature_by_index(0)["key"]
        details = model.get_output_tensor_details(key).values()
        sources, targets = model.create_input_buffers(0), model.create_output_buffers(0)
        runs = []
        for values in zip(*(np.load(path) for path in job["inputs"]), strict=True):
            for source, value in zip(sources, values, strict=True):
                source.write(value)
            model.run_by_index(0, sources, targets)
            runs.append(
                [
                    target.read(math.prod(detail["shape"]), np.dtype(detail["dtype"])).tolist()
                    for target, detail in zip(targets, details, strict=True)
                ]
            )
    return {"runs": runs}


serve(run)
