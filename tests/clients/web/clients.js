// Runs .tflite files in the browser: a job has addresses, an answer is as that of the programs.
import {FilesetResolver, ImageClassifier} from '@mediapipe/tasks-vision';
import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const TYPES = {float32: Float32Array, uint8: Uint8Array, int8: Int8Array};
const bytes = async (address) => (await fetch(address)).arrayBuffer();

let liteRt, vision;

/** Runs a file by LiteRT.js on the CPU: {file, inputs, dtype, shape, count} gives {rows}. */
export async function run({file, inputs, dtype, shape, count}) {
  await (liteRt ??= loadLiteRt('/packages/@litertjs/core/wasm/'));
  const model = await loadAndCompile(file, {accelerator: 'wasm'});
  try {
    const batch = new TYPES[dtype](await bytes(inputs));
    const size = batch.length / count;
    const rows = [];
    for (let start = 0; start < batch.length; start += size) {
      const input = new Tensor(batch.slice(start, start + size), shape);
      const outputs = await model.run(input);
      rows.push(Array.from(outputs[0].toTypedArray()));
      [input, ...outputs].forEach((tensor) => tensor.delete());
    }
    return {rows};
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
