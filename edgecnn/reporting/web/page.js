"use strict";

const report = JSON.parse(document.getElementById("report").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const selects = Object.fromEntries(
  ["machine", "threads", "data", "scheme"].map((name) => [name, document.getElementById(name)]),
);
const choices = Object.keys(selects);
const views = new Map();
let setting = report.settings[0];
let picked = -1;

function look() {
  return report.looks[dark.matches ? "dark" : "light"];
}

function view() {
  return setting.schemes[selects.scheme.value] ?? setting.schemes[""];
}

// Fill a select; what was chosen stays where it is still there.
function offer(name, options, shown = (value) => value) {
  const before = selects[name].value;
  const made = [...new Set(options)].map((value) => new Option(shown(value), value));
  selects[name].replaceChildren(...made);
  if (made.some((option) => option.value === before)) selects[name].value = before;
  selects[name].parentElement.hidden = made.length < 2;
}

// Each select offers what there is with the choices before it.
function choose() {
  let left = report.settings;
  for (const name of ["machine", "threads", "data"]) {
    offer(name, left.map((one) => String(one[name] ?? "")));
    left = left.filter((one) => String(one[name] ?? "") === selects[name].value);
  }
  [setting] = left;
  offer("scheme", Object.keys(setting.schemes), (scheme) => scheme || "all");
  document.getElementById("choice").hidden = choices.every((name) => selects[name].parentElement.hidden);
  pick(view().pick);
  show();
}

function show() {
  const { rows, optimal, answer, missing } = view();
  // A chart that stands in for another one shows where that one has nothing to show.
  for (const { name, insteadOf } of report.charts.filter((chart) => chart.insteadOf)) {
    document.getElementById(`${name}-card`).hidden = !missing[insteadOf] || Boolean(missing[name]);
  }
  for (const part of document.querySelectorAll("[data-answer]")) {
    part.hidden = part.dataset.answer !== String(answer);
  }
  for (const row of document.querySelectorAll("tbody tr")) {
    row.hidden = !rows.includes(Number(row.dataset.row));
    row.classList.toggle("optimal", optimal.includes(Number(row.dataset.row)));
  }
  for (const chart of report.charts.filter((one) => !one.ofFile)) draw(chart);
}

function pick(id) {
  picked = id;
  for (const part of document.querySelectorAll("[data-detail]")) {
    part.hidden = Number(part.dataset.detail) !== id;
  }
  for (const row of document.querySelectorAll("tbody tr")) {
    row.classList.toggle("picked", Number(row.dataset.row) === id);
  }
  for (const chart of report.charts) {
    if (chart.ofFile) draw(chart);
    else views.get(chart.name)?.view.signal("picked", id).runAsync();
  }
}

// Vega's legends do not wrap in a narrow page.
function legend() {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const [scheme, colour] of Object.entries(look().colours)) {
    if (!view().shown.includes(scheme)) continue;
    const item = document.createElement("li");
    item.style.setProperty("--colour", colour);
    item.textContent = scheme;
    list.append(item);
  }
  return list;
}

async function draw({ name, rows, ofFile }) {
  const place = document.querySelector(`[data-chart="${name}"]`);
  const { datasets, missing } = ofFile ? report.files[picked] : view();
  views.get(name)?.finalize();
  views.delete(name);
  place.replaceChildren();
  if (missing[name]) {
    const text = document.createElement("p");
    text.className = "missing";
    text.textContent = missing[name];
    place.append(text);
    return;
  }
  const spec = { ...look().charts[view().figure][name], datasets };
  // A height by steps fits no container by Vega-Lite's rules: it takes pixels.
  if (rows) spec.height = spec.height.step * spec.datasets[rows].length;
  spec.params = spec.params?.map((one) => (one.name === "picked" ? { ...one, value: picked } : one));
  if (!ofFile) place.append(legend());
  const at = document.createElement("div");
  place.append(at);
  const shown = await vegaEmbed(at, spec, {
    actions: false,
    ast: true,
    config: look().config,
    renderer: "svg",
    tooltip: { theme: dark.matches ? "dark" : "light" },
  });
  if (!at.isConnected) {
    shown.finalize();
    return;
  }
  views.set(name, shown);
  shown.view.addEventListener("click", (event, item) => {
    if (item?.datum?.id !== undefined) pick(item.datum.id);
  });
}

function sortBy(head) {
  const column = [...head.parentElement.children].indexOf(head);
  const up = head.getAttribute("aria-sort") !== "ascending";
  const body = document.querySelector("tbody");
  const value = (row) => row.children[column].dataset.value;
  const compare = (a, b) => {
    if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
    const order = head.classList.contains("text")
      ? value(a).localeCompare(value(b))
      : Number(value(a)) - Number(value(b));
    return up ? order : -order;
  };
  body.append(...[...body.children].sort(compare));
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
}

for (const name of choices) selects[name].addEventListener("change", choose);
for (const head of document.querySelectorAll("thead th")) {
  head.firstElementChild.addEventListener("click", () => sortBy(head));
}
for (const button of document.querySelectorAll("tbody button")) {
  button.addEventListener("click", () => pick(Number(button.closest("tr").dataset.row)));
}
dark.addEventListener("change", () => {
  show();
  pick(picked);
});
choose();
