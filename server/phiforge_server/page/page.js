"use strict";
// A page without a framework: classes of dropped pictures become a task, further pictures are asked of it.
const at = (id) => document.getElementById(id);
let task = null;

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
  for (const box of document.querySelectorAll(".class")) {
    for (const file of box.files) form.append(box.querySelector(".name").value, file, file.name);
  }
  say("learning…");
  const made = await ask(`tasks?model=${encodeURIComponent(at("model").value)}`, { method: "POST", body: form });
  task = made.task;
  at("answers").replaceChildren();
  say(`learned ${made.labels.length} classes from ${made.pictures} pictures`);
}

function answered(file, prediction) {
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
  row.append(picture(file), list);
  return row;
}

async function query(files) {
  if (!task) throw new Error("first give a few pictures of each class, and press Learn");
  const form = new FormData();
  for (const file of files) form.append("picture", file, file.name);
  say("looking…");
  const found = await ask(`tasks/${task}/predictions`, { method: "POST", body: form });
  at("answers").prepend(...files.map((file, index) => answered(file, found.predictions[index])));
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
