// Runs .tflite files in the browser: a job has addresses, an answer is as that of the programs.
import {FilesetResolver, ImageClassifier} from '@mediapipe/tasks-vision';
import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const TYPES = {
  float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array,
};
const bytes = async (address) => (await fetch(address)).arrayBuffer();

let liteRt, vision;

/** Runs a file by LiteRT.js on the CPU: {file, inputs: [{address, dtype, shape}], count} gives {runs}. */
export async function run({file, inputs, count}) {
  await (liteRt ??= loadLiteRt('/packages/@litertjs/core/wasm/'));
  const model = await loadAndCompile(file, {accelerator: 'wasm'});
  try {
    const batches = await Promise.all(inputs.map(
        async ({address, dtype}) => new TYPES[dtype](await bytes(address))));
    const runs = [];
    for (let turn = 0; turn < count; ++turn) {
      const values = inputs.map(({shape}, place) => {
        const size = batches[place].length / count;
        return new Tensor(batches[place].slice(turn * size, (turn + 1) * size), shape);
      });
      const outputs = await model.run(values);
      runs.push(outputs.map((output) => Array.from(output.toTypedArray())));
      [...values, ...outputs].forEach((tensor) => tensor.delete());
    }
    return {runs};
  } finally {
    model.delete();
  }
}

/** Classifies images by MediaPipe's tasks-vision: {file, images} gives {categories}. */
export async function classify({file, images}) {
  vision ??= await FilesetResolver.forVisionTasks('/packages/@mediapipe/tasks-vision/wasm');
  const classifier = await ImageClassifier.createFromOptions(vision, {
    baseOptions: {modelAssetPath: file, delegate: 'CPU'},
  });
  try {
    const categories = [];
    for (const address of images) {
      const image = await createImageBitmap(new Blob([await bytes(address)]));
      const {classifications} = classifier.classify(image);
      categories.push(classifications[0].categories.map(
          ({index, score, categoryName}) => [index, score, categoryName]));
    }
    return {categories};
  } finally {
    classifier.close();
  }
}
