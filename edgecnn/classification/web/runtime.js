// The model in LiteRT.js: loading, running, and freeing what it allocates.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const RUNTIME = "/litert/";

/**
 * Load the runtime, with threads where the browser has them.
 *
 * @return {Promise<number>} The most threads that a model may use.
 */
export async function loadRuntime() {
  if (crossOriginIsolated && navigator.hardwareConcurrency > 1) {
    try {
      await loadLiteRt(RUNTIME, { threads: true });
      return navigator.hardwareConcurrency;
    } catch {
      // A browser without relaxed SIMD has no threads in this runtime, and runs it without.
    }
  }
  await loadLiteRt(RUNTIME);
  return 1;
}

/** A model that is ready to run. */
export class Classifier {
  #model;
  #about;

  constructor(model, about) {
    this.#model = model;
    this.#about = about;
  }

  /**
   * Load a model and run it once, so that later runs take their usual time.
   *
   * @param {string} url Of the .tflite file.
   * @param {object} about What /model.json says of it.
   * @param {number} threads
   * @return {Promise<Classifier>}
   */
  static async open(url, about, threads) {
    const options = { accelerator: "wasm", cpuOptions: { numThreads: threads } };
    const classifier = new Classifier(await loadAndCompile(url, options), about);
    const size = about.inputShape.reduce((product, side) => product * side, 1);
    const Values = about.inputType === "uint8" ? Uint8Array : Float32Array;
    await classifier.run(new Values(size));
    return classifier;
  }

  /**
   * Run the model once.
   *
   * @param {Uint8Array|Float32Array} values The input.
   * @return {Promise<{scores: number[], milliseconds: number}>}
   */
  async run(values) {
    const input = new Tensor(values, this.#about.inputShape);
    let outputs = [];
    try {
      const begin = performance.now();
      outputs = await this.#model.run(input);
      const milliseconds = performance.now() - begin;
      const { outputScale, outputZeroPoint } = this.#about;
      const raw = Array.from(outputs[0].toTypedArray());
      return { scores: raw.map((value) => (value - outputZeroPoint) * outputScale), milliseconds };
    } finally {
      // Tensors live in the runtime's own memory, which nothing else frees.
      input.delete();
      outputs.forEach((output) => output.delete());
    }
  }

  /** Free the model. */
  close() {
    this.#model.delete();
  }
}
