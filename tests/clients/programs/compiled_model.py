"""Runs .tflite files on ai-edge-litert's CompiledModel; jobs and answers as interpreter.py's."""

import math

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from lines import serve


def run(job):
    with CompiledModel.from_file(job["file"]) as model:
        key = model.get_signature_by_index(0)["key"]
        target = next(iter(model.get_output_tensor_details(key).values()))
        dtype, count = np.dtype(target["dtype"]), math.prod(target["shape"])
        sources, targets = model.create_input_buffers(0), model.create_output_buffers(0)
        rows = []
        for one in np.load(job["inputs"]):
            sources[0].write(one[None])
            model.run_by_index(0, sources, targets)
            rows.append(targets[0].read(count, dtype).tolist())
    return {"rows": rows}


serve(run)
