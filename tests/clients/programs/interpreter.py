"""Runs .tflite files on the Interpreter of the module that its argument names.

A job is ``{"file", "inputs"}``: for each input of the model an .npy file with one value a run. The
answer ``{"runs"}`` has, for each run, the flat values of every output, as the file gives them.
"""

import importlib
import sys

import numpy as np
from lines import serve

module = importlib.import_module(sys.argv[1])


def run(job):
    interpreter = module.Interpreter(model_path=job["file"], num_threads=1)
    interpreter.allocate_tensors()
    sources, targets = interpreter.get_input_details(), interpreter.get_output_details()
    runs = []
    for values in zip(*(np.load(path) for path in job["inputs"]), strict=True):
        for source, value in zip(sources, values, strict=True):
            interpreter.set_tensor(source["index"], value)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(target["index"]) for target in targets]
        runs.append([output.ravel().tolist() for output in outputs])
    return {"runs": runs}


serve(run)
