// The page: pictures in, the five best classes out.

import { decode, frameOf } from "/picture.js";
import { fit, toTensor } from "/resample.js";
import { Classifier, loadRuntime } from "/runtime.js";

const MODEL = "/model.tflite";
const SHOWN = 5;
const MOST_THREADS = 8;

const element = (id) => document.getElementById(id);
const photo = element("photo");
const video = element("video");
const stage = element("stage");

let about;
let classifier;
let camera = null;
let working = Promise.resolve();

start().catch(fail);

async function start() {
  about = await (await fetch("/model.json")).json();
  document.title = `${about.title} – edgecnn try`;
  element("title").textContent = about.title;
  element("facts").textContent = [
    about.file,
    about.scheme,
    `${about.input.height} × ${about.input.width}`,
    `${about.inputType} input`,
    `${about.labels.length} classes`,
  ].join(" · ");
  const threads = await loadRuntime();
  classifier = await Classifier.open(MODEL, about, 1);
  offerThreads(Math.min(threads, MOST_THREADS));
  listen();
  say("Ready: choose an image.");
}

function listen() {
  element("file").disabled = false;
  element("camera").disabled = !navigator.mediaDevices?.getUserMedia;
  element("file").addEventListener("change", ({ target }) => {
    if (target.files.length) classifyFile(target.files[0]);
    target.value = "";
  });
  element("camera").addEventListener("click", () => (camera ? stopCamera() : startCamera()));
  element("threads").addEventListener("change", ({ target }) => useThreads(Number(target.value)));
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) classifyFile(clipboardData.files[0]);
  });
  // The whole page takes drops, so that a near miss does not open the file in the browser.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("over");
  });
  document.addEventListener("dragleave", () => stage.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    if (event.dataTransfer.files.length) classifyFile(event.dataTransfer.files[0]);
  });
}

function offerThreads(most) {
  for (let count = 1; count <= most; count *= 2) element("threads").add(new Option(count, count));
  element("threads-label").hidden = most < 2;
}

/** Do one thing after the other: the model takes one picture at a time. */
function inTurn(work) {
  working = working.then(work).catch(fail);
  return working;
}

function useThreads(count) {
  return inTurn(async () => {
    const slower = classifier;
    classifier = await Classifier.open(MODEL, about, count);
    slower.close();
    say(`Using ${count} thread${count > 1 ? "s" : ""}.`);
  });
}

function classifyFile(file) {
  stopCamera();
  return inTurn(async () => {
    let picture;
    try {
      picture = await decode(file);
    } catch {
      throw new Error(`This browser cannot read ${file.name || "this"} as an image.`);
    }
    URL.revokeObjectURL(photo.src);
    photo.src = URL.createObjectURL(file);
    show(photo);
    await classify(picture);
    say("");
  });
}

async function classify(picture) {
  const begin = performance.now();
  const pixels = fit(picture, about.input);
  const values = toTensor(pixels, about.input, about.inputType);
  const prepared = performance.now() - begin;
  const { scores, milliseconds } = await classifier.run(values);
  showSeen(pixels);
  showClasses(scores);
  element("times").textContent =
    `${milliseconds.toFixed(1)} ms to run, ${prepared.toFixed(1)} ms to prepare`;
}

function showClasses(scores) {
  const best = scores
    .map((score, index) => ({ score, index }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, SHOWN);
  const rows = best.map(({ score, index }) => {
    const row = document.createElement("li");
    const bar = document.createElement("i");
    bar.className = "bar";
    // Without softmax: the likelihood beside that of the best class.
    const share = about.probabilities ? score : Math.exp(score - best[0].score);
    bar.style.setProperty("--share", Math.min(Math.max(share, 0), 1));
    const text = about.probabilities ? `${(100 * score).toFixed(1)} %` : score.toFixed(2);
    row.append(bar, span("label", about.labels[index]), span("score", text));
    row.dataset.index = index;
    row.dataset.score = score;
    return row;
  });
  element("classes").replaceChildren(...rows);
}

/** Text, never markup: labels come from a file that anybody may have made. */
function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

function showSeen(pixels) {
  const { height, width, mean } = about.input;
  const canvas = element("seen");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const channels = mean.length;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[i * channels + (c % channels)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  element("seen-figure").hidden = false;
}

async function startCamera() {
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = camera;
    await video.play();
  } catch (error) {
    stopCamera();
    fail(new Error(`The camera cannot be used: ${error.message}`));
    return;
  }
  element("camera").textContent = "Stop the camera";
  show(video);
  say("");
  nextFrame();
}

function nextFrame() {
  const current = camera;
  if (!current) return;
  inTurn(async () => {
    if (camera === current && video.videoWidth) await classify(frameOf(video));
  }).then(() => requestAnimationFrame(() => camera === current && nextFrame()));
}

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  video.srcObject = null;
  element("camera").textContent = "Use the camera";
  if (!video.hidden) show(null);
}

function show(visible) {
  photo.hidden = visible !== photo;
  video.hidden = visible !== video;
  element("hint").hidden = visible !== null;
  stage.classList.toggle("filled", visible !== null);
}

function say(text) {
  element("status").textContent = text;
  element("status").classList.remove("bad");
}

function fail(error) {
  say(error.message || String(error));
  element("status").classList.add("bad");
}
