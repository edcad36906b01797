"use strict";
// A page without a framework: classes of dropped pictures become a task, further pictures are asked of it.
const at = (id) => document.getElementById(id);
const NEAREST = 3;
const OF_PIXELS = "nearest by their pixels, as this model does not compare pictures";
let task = null;
let taught = new Map(); // of each label the files that it was learned from, in the order they were sent

const headers = () => (at("key").value ? { authorization: `Bearer ${at("key").value}` } : {});

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: headers() });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

async function trying(work) {
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  }
}

function picture(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  image.alt = file.name;
  image.onload = () => URL.revokeObjectURL(image.src);
  return image;
}

function taking(drop, take) {
  const input = drop.querySelector("input");
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
}

function addClass() {
  const box = document.createElement("div");
  box.className = "class";
  box.files = [];
  box.innerHTML = '<label>Name <input class="name"></label>' +
    '<label class="drop">Drop pictures of it, or click<input type="file" multiple accept="image/*"></label><div class="pictures"></div>';
  box.querySelector(".name").value = `class ${document.querySelectorAll(".class").length + 1}`;
  taking(box.querySelector(".drop"), (files) => {
    box.files.push(...files);
    box.querySelector(".pictures").append(...files.map(picture));
  });
  at("classes").append(box);
}

async function learn() {
  const form = new FormData();
  const files = new Map();
  for (const box of document.querySelectorAll(".class")) {
    const label = box.querySelector(".name").value;
    for (const file of box.files) form.append(label, file, file.name);
    files.set(label, [...(files.get(label) ?? []), ...box.files]);
  }
  say("learning…");
  const made = await ask(`tasks?model=${encodeURIComponent(at("model").value)}`, { method: "POST", body: form });
  task = made.task;
  taught = files;
  at("answers").replaceChildren();
  say(`learned ${made.labels.length} classes from ${made.pictures} pictures`);
}

function nearest(found, by) {
  const figure = document.createElement("figure");
  const text = document.createElement("figcaption");
  text.textContent = by === "embedding" ? "nearest that it learned from" : OF_PIXELS;
  figure.append(...found.map(({ label, number, distance }) => {
    const file = taught.get(label)?.[number];
    const said = `${label}: ${file ? file.name : number + 1}, distance ${distance.toPrecision(3)}`;
    if (!file) return said; // browsers escape quotes and line breaks of a label when they send it
    const image = picture(file);
    image.title = image.alt = said;
    return image;
  }), text);
  return figure;
}

function answered(file, prediction, by) {
  const row = document.createElement("div");
  row.className = "answer";
  const list = document.createElement("ol");
  for (const { label, probability } of prediction.ranked) {
    const line = document.createElement("li");
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.width = `${8 * probability}rem`;
    line.append(bar, `${label} ${(100 * probability).toFixed(1)} %`);
    list.append(line);
  }
  row.append(picture(file), list, nearest(prediction.nearest, by));
  return row;
}

async function query(files) {
  if (!task) throw new Error("first give a few pictures of each class, and press Learn");
  const form = new FormData();
  for (const file of files) form.append("picture", file, file.name);
  say("looking…");
  const found = await ask(`tasks/${task}/predictions?nearest=${NEAREST}`, { method: "POST", body: form });
  at("answers").prepend(...files.map((file, index) => answered(file, found.predictions[index], found.nearest_by)));
  say(`${files.length} answered`);
}

async function begin() {
  const models = await ask("models");
  at("model").replaceChildren(...models.map(({ name }) => new Option(name, name)));
}

addClass();
addClass();
at("add").addEventListener("click", addClass);
at("learn").addEventListener("click", () => trying(learn));
at("key").addEventListener("change", () => trying(begin));
taking(at("query"), (files) => trying(() => query(files)));
trying(begin);
