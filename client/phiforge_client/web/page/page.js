"use strict";
// A page without a framework: what the record says is fetched every few seconds, and drawn if it is new.
// All that comes from the record becomes text, never markup.
const SECONDS = 3;
const at = (id) => document.getElementById(id);
const tags = new Map(); // of each path the ETag and the body that came last
let drawn = "";

function node(name, text = "", attributes = {}, children = []) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

async function ask(path) {
  const had = tags.get(path);
  const answer = await fetch(path, { cache: "no-store", headers: had ? { "if-none-match": had.tag } : {} });
  if (answer.status === 304) return had.body;
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  tags.set(path, { tag: answer.headers.get("etag"), body });
  return body;
}

const share = (value, around) => (value == null ? "–" : `${(100 * value).toFixed(1)} ± ${(100 * (around ?? 0)).toFixed(1)} %`);
const judged = (run) => (run.mean_return == null ? share(run.accuracy, run.accuracy_ci95) : `return ${run.mean_return.toFixed(2)} ± ${(run.mean_return_ci95 ?? 0).toFixed(2)}`);
const labels = (of) => Object.entries(of ?? {}).map(([name, value]) => `${name}=${value}`).join(" ");
const link = (kind, name) => node("a", name, { href: `#${kind}/${encodeURIComponent(name)}` });
const figure = (value) => (value == null ? "–" : Number(value).toPrecision(4));

function table(headings, rows) {
  const cell = (value) => node("td", "", {}, [value instanceof Node ? value : String(value)]);
  const head = node("tr", "", {}, headings.map((each) => node("th", each, { scope: "col" })));
  const body = rows.map((row) => node("tr", "", {}, row.map(cell)));
  return node("div", "", { class: "wide", tabindex: "0" }, [node("table", "", {}, [head, ...body])]);
}

function svg(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// Draws points of x, y and half an interval.
function chart(points, title) {
  const low = Math.min(...points.map((p) => p.y - p.around)), high = Math.max(...points.map((p) => p.y + p.around));
  const first = Math.min(...points.map((p) => p.x)), last = Math.max(...points.map((p) => p.x));
  const x = (value) => 50 + 530 * (value - first) / (last - first || 1);
  const y = (value) => 260 - 230 * (value - low) / (high - low || 1);
  const shown = svg("svg", { viewBox: "0 0 600 300", role: "img", "aria-label": title });
  for (const p of points) {
    shown.append(svg("line", { class: "between", x1: x(p.x), x2: x(p.x), y1: y(p.y - p.around), y2: y(p.y + p.around) }));
    shown.append(svg("circle", { class: "point", cx: x(p.x), cy: y(p.y), r: 3, fill: "var(--line)" }));
  }
  shown.append(svg("polyline", { class: "line", points: points.map((p) => `${x(p.x)},${y(p.y)}`).join(" ") }));
  const said = [[5, 265, figure(low)], [5, 35, figure(high)], [50, 285, first], [540, 285, last], [200, 15, title]];
  shown.append(...said.map(([left, top, text]) => svg("text", { x: left, y: top }, String(text))));
  return shown;
}

async function overview() {
  const [runs, queue, { studies, unreadable }] = await Promise.all(["api/runs", "api/queue", "api/studies"].map(ask));
  const words = at("filter").value.toLowerCase().split(/\s+/);
  const fits = (run) => words.every((word) => `${run.run} ${run.status} ${labels(run.labels)}`.toLowerCase().includes(word));
  const row = (run) => [link("run", run.run), run.status, `${run.version ?? "–"}/${run.versions}`, judged(run), labels(run.labels)];
  return [
    node("h2", "Runs"), table(["run", "state", "version", "accuracy or return", "labels"], runs.filter(fits).reverse().map(row)),
    node("h2", "Queue"), table(["run", "state", "priority"], queue.runs.map((each) => [link("run", each.run), each.status, each.priority])),
    node("h2", "Studies"), table(["study", "state", "trials"], studies.map((each) => [link("study", each.study), each.status, each.trials.length])),
    ...Object.entries(unreadable).map(([name, why]) => node("p", `${name} cannot be read: ${why}`)),
  ];
}

async function run(name) {
  const found = await ask(`api/runs/${encodeURIComponent(name)}`);
  const score = ["accuracy", "mean_return"].find((name) => found.curve.some((each) => each[name] != null)) ?? "loss";
  const points = found.curve.map((each) => ({ x: each.tasks, y: each[score], around: each[`${score}_ci95`] ?? 0 }));
  const { now } = found;
  return [
    node("h2", found.run),
    node("p", `${now.status}; version ${now.version ?? "–"} of ${now.versions}; ${now.split} ${judged(now)}`),
    ...(found.reason ? [node("p", found.reason)] : []),
    ...(found.parent ? [node("p", `branched at version ${found.parent.version} from `, {}, [link("run", found.parent.run)])] : []),
    ...(points.length ? [chart(points, `validation ${score.replace("mean_", "")} against tasks`)] : [node("p", "no version was judged yet")]),
    ...(points.length ? [node("p", "", {}, [node("a", "The whole report", { href: `reports/${encodeURIComponent(found.run)}` })])] : []),
    ...(found.report ? [node("h3", "Report"), node("pre", JSON.stringify(found.report, null, 2))] : []),
    node("h3", "Spec"), node("pre", JSON.stringify(found.spec, null, 2)),
  ];
}

async function study(name) {
  const found = await ask(`api/studies/${encodeURIComponent(name)}`);
  const better = found.goal.startsWith("max") ? Math.max : Math.min;
  let best = null;
  const valued = found.trials.filter((each) => each.value != null);
  const points = valued.map((each) => ({ x: each.trial, y: (best = best == null ? each.value : better(best, each.value)), around: 0 }));
  const row = (each) => [each.trial, each.end ?? "–", figure(each.value), link("run", each.run), JSON.stringify(each.point)];
  return [
    node("h2", found.study), node("p", `${found.status} ${found.reason}`),
    ...(points.length ? [chart(points, `best ${found.objective} so far against trials`)] : []),
    table(["trial", "end", "value", "run", "tried"], found.trials.map(row)),
  ];
}

async function show() {
  const [kind, name] = location.hash.slice(1).split("/");
  const pages = { run, study };
  const asked = location.hash;
  at("filtering").hidden = Object.hasOwn(pages, kind);
  try {
    const nodes = await (Object.hasOwn(pages, kind) ? pages[kind] : overview)(decodeURIComponent(name ?? ""));
    const made = node("main", "", {}, nodes);
    if (asked !== location.hash) return;
    at("status").textContent = "";
    if (made.innerHTML !== drawn) at("shown").replaceChildren(...made.childNodes);
    drawn = at("shown").innerHTML;
  } catch (error) {
    at("status").textContent = error.message;
  }
}

async function forever() {
  await show();
  setTimeout(forever, 1000 * SECONDS);
}

addEventListener("hashchange", () => { at("shown").replaceChildren(); show(); });
at("filter").addEventListener("input", show);
forever();
