"""Runs .tflite files on the Interpreter of the module that its argument names.

A job is ``{"file", "inputs"}``, ``inputs`` an .npy file with a batch of whole inputs; the answer
``{"rows"}`` has the first output for each, as the file gives it.
"""

import importlib
import sys

import numpy as np
from lines import serve

module = importlib.import_module(sys.argv[1])


def run(job):
    interpreter = module.Interpreter(model_path=job["file"], num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for one in np.load(job["inputs"]):
        interpreter.set_tensor(source["index"], one[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"]).ravel().tolist())
    return {"rows": rows}


serve(run)
