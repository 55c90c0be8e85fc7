// What people do with the picture: select, search, zoom, move; and what is told of the node that is selected.

const element = (id) => document.getElementById(id);
const proof = loaded(element("proof").textContent);
const drawing = new Drawing(proof, element("tree"), element("overview"));
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let matches = [], current = -1, frame = 0;

function redraw() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    drawing.draw();
  });
}

// -- the view

function limited({ left, right, top }) {
  const width = Math.min(Math.max(right - left, Math.min(2, proof.total)), proof.total);
  const middle = (left + right) / 2;
  const start = Math.min(Math.max(middle - width / 2, 0), proof.total - width);
  const most = Math.max(proof.deepest - drawing.levels, 0);
  return { left: start, right: start + width, top: Math.min(Math.max(top, 0), most) };
}

let moving = 0;
function show(view, { still = false } = {}) {
  const from = drawing.view, to = limited(view), begun = performance.now();
  cancelAnimationFrame(moving);
  if (still || calm) {
    drawing.view = to;
    redraw();
    return;
  }
  const step = (now) => {
    const share = Math.min((now - begun) / 220, 1), eased = 1 - (1 - share) ** 3;
    const between = (name) => from[name] + (to[name] - from[name]) * eased;
    drawing.view = share < 1 ? { left: between("left"), right: between("right"), top: between("top") } : to;
    redraw();
    if (share < 1) moving = requestAnimationFrame(step);
  };
  moving = requestAnimationFrame(step);
}

function zoomTo(i) {
  const room = Math.max(proof.leaves[i] * 0.04, proof.leaves[i] === 1 ? 1.5 : 0);
  show({
    left: proof.first[i] - room, right: proof.first[i] + proof.leaves[i] + room,
    top: proof.deepest > drawing.levels ? Math.max(proof.depth[i] - 1, 0) : 0,
  });
}

function zoomOut() {
  const { left, right, top } = drawing.view, width = right - left;
  show({ left: left - width, right: right + width, top: Math.max(top - Math.ceil(drawing.levels / 2), 0) });
}

function zoomAround(place, factor) {
  const { left, right, top } = drawing.view, width = (right - left) * factor;
  if (width > proof.total && right - left >= proof.total) return;
  const start = place - (place - left) * factor;
  show({ left: start, right: start + width, top }, { still: true });
}

const whole = () => show({ left: 0, right: proof.total, top: 0 });

function setLevels(levels) {
  drawing.levels = Math.min(Math.max(levels, 1), Math.max(proof.deepest, 1));
  element("levels").textContent = drawing.levels >= proof.deepest ? "all levels" : `${drawing.levels + 1} levels`;
  element("fewer").disabled = drawing.levels <= 1;
  element("more").disabled = drawing.levels >= proof.deepest;
  show(drawing.view, { still: true });
}

// So that a node can be seen: by moving as little as that takes, and by zooming where it would be no wider than a hair.
function reveal(i) {
  const { left, right, top } = drawing.view, first = proof.first[i], last = first + proof.leaves[i];
  const next = { left, right, top };
  if (proof.leaves[i] * drawing.scale < 2) {
    const around = Math.max(drawing.width / 24, proof.leaves[i]);
    Object.assign(next, { left: first - around / 2, right: first + around / 2 });
  } else if (first >= right || last <= left) {
    const middle = (first + last) / 2, half = Math.max(right - left, proof.leaves[i]) / 2;
    Object.assign(next, { left: middle - half, right: middle + half });
  }
  if (proof.depth[i] < top) next.top = proof.depth[i];
  if (proof.depth[i] > drawing.last) next.top = proof.depth[i] - drawing.levels;
  if (next.left !== left || next.right !== right || next.top !== top) show(next);
}

// -- the node that is selected

function made(tag, text, attributes = {}) {
  const result = document.createElement(tag);
  result.textContent = text;
  for (const [name, value] of Object.entries(attributes)) result.setAttribute(name, value);
  return result;
}

function row(name, value, attributes) {
  const pair = document.createElement("div");
  pair.append(made("dt", name), made("dd", value, attributes));
  return pair;
}

function select(i, { seen = true } = {}) {
  drawing.selected = i;
  const state = STATES[proof.state[i]], origin = ORIGINS[proof.origin[i]];
  element("label").textContent = label(proof, i);
  element("label").title = label(proof, i, true);
  element("badges").replaceChildren(made("span", state, { class: state }));
  if (proof.compared) element("badges").append(made("span", origin, { class: origin }));
  const bound = proof.bound[i];
  const facts = [
    row("node", `#${proof.row[i]}`, { id: "node" }),
    row("bound", digits(bound, 6), { id: "bound", title: bound }),
    row("depth", proof.depth[i], { id: "depth" }),
  ];
  if (proof.roots.length > 1) facts.push(row("region", regionOf(proof, i), { id: "region" }));
  if (proof.state[i] === SPLIT) {
    facts.push(row("leaves below", grouped(proof.leaves[i]), { id: "leaves" }));
    facts.push(row("worst bound of a leaf", digits(proof.worst[i], 4), { id: "least", title: proof.worst[i] }));
    const undecided = inside(proof, proof.openBefore, i);
    if (undecided) facts.push(row("open leaves", grouped(undecided), { id: "undecided" }));
    if (proof.compared) {
      for (const k of [3, 2, 1]) facts.push(row(`leaves ${ORIGINS[k]}`, grouped(inside(proof, proof.originBefore[k], i))));
    }
  }
  element("facts").replaceChildren(...facts);
  mixture(i);
  const path = [];
  for (let at = i; at >= 0; at = proof.parent[at]) path.push(at);
  element("path").replaceChildren(...path.reverse().map((at) => {
    const item = document.createElement("li"), button = made("button", label(proof, at), { type: "button" });
    button.append(made("i", digits(proof.bound[at], 3)));
    if (at === i) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => select(at));
    item.append(button);
    return item;
  }));
  element("path").scrollTop = element("path").scrollHeight;
  element("zoom").disabled = proof.state[i] !== SPLIT;
  if (seen) reveal(i);
  redraw();
}

function mixture(i) {
  const mix = element("mix");
  mix.hidden = !proof.compared || proof.state[i] !== SPLIT;
  mix.replaceChildren(...[3, 2, 1].map((k) => {
    const share = inside(proof, proof.originBefore[k], i) / proof.leaves[i], part = made("i", "", { class: ORIGINS[k] });
    part.style.width = `${100 * share}%`;
    return part;
  }));
}

// Left and right: the nearest node of the same depth, or the leaf that stands above that place.
function neighbour(i, way) {
  const depth = proof.depth[i];
  let at = way < 0 ? i - 1 : end(proof, i);
  if (at < 0 || at >= proof.count) return i;
  if (way > 0) {
    while (proof.depth[at] < depth && proof.state[at] === SPLIT) at += 1;
    return at;
  }
  while (proof.depth[at] > depth) at = proof.parent[at];
  return at;
}

// -- the search

function search(query, which = 0) {
  const output = element("found");
  output.className = "";
  matches = [];
  try {
    matches = find(proof, query);
    output.textContent = !query.trim() ? "" : matches.length ? "" : "nothing found";
  } catch (error) {
    output.className = "wrong";
    output.textContent = `what is \u201c${error.message}\u201d?`;
  }
  drawing.hits = null;
  if (matches.length) {
    const is = new Uint8Array(proof.count);
    for (const i of matches) is[i] = 1;
    drawing.hits = { is, list: matches, before: before(proof, (i) => is[i]) };
    go(Math.min(which, matches.length - 1));
  }
  element("next").disabled = element("previous").disabled = !matches.length;
  redraw();
}

function go(which) {
  if (!matches.length) return;
  current = (which + matches.length) % matches.length;
  element("found").textContent = `${grouped(current + 1)} of ${grouped(matches.length)}`;
  select(matches[current]);
}

// The address tells what is shown, so that it can be sent to somebody.
let remembered = "";
function remember(query) {
  const fields = new URLSearchParams(location.hash.slice(1));
  if (query.trim()) fields.set("find", query.trim()); else fields.delete("find");
  remembered = `#${fields}`;
  if (location.hash !== remembered) location.replace(remembered);
}

function follow() {
  const fields = new URLSearchParams(location.hash.slice(1));
  if (fields.has("levels")) setLevels(Number(fields.get("levels")) || 1);
  if (fields.has("colour")) colourBy(fields.get("colour") === "origin");
  if (["light", "dark"].includes(fields.get("theme"))) dress(fields.get("theme"));
  const query = fields.get("find") ?? "";
  element("query").value = query;
  search(query, Math.max((Number(fields.get("match")) || 1) - 1, 0));
  if (fields.has("zoom")) zoomTo(drawing.selected);
}

// -- appearance

function colourBy(origin) {
  drawing.byOrigin = origin && proof.compared;
  for (const radio of document.getElementsByName("colour")) radio.checked = (radio.value === "origin") === drawing.byOrigin;
  legend();
  redraw();
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  drawing.retint();
  legend();
  redraw();
}

function legend() {
  const parts = [];
  if (drawing.byOrigin) {
    const meaning = {
      transferred: "transferred: its certificates are those of the base, unchanged",
      reused: "reused: the base has this node", new: "new: the base has no such node",
    };
    for (const [name, text] of Object.entries(meaning)) parts.push(swatch(name, text));
  } else {
    const bar = made("canvas", "");
    bar.width = 180;
    bar.height = 12;
    const pen = bar.getContext("2d");
    drawing.fill.forEach((colour, k) => {
      pen.fillStyle = colour;
      pen.fillRect(k / BINS * 180, 0, 180 / BINS + 1, 12);
    });
    const scale = made("span", "bound");
    scale.append(made("span", digits(proof.low, 3)), bar, made("span", digits(proof.high, 3)));
    parts.push(scale, made("span", "above zero: proved \u00b7 below: to be split"));
    if (proof.compared && proof.originBefore[NEW][proof.count]) parts.push(swatch("new", "strip: new, not in the base"));
  }
  if (proof.openBefore[proof.count]) parts.push(swatch("open", "open: not decided"));
  parts.push(made("span", "width: number of leaves \u00b7 torn edge: folded"));
  element("legend").replaceChildren(...parts);
}

function swatch(name, text) {
  const result = made("span", "");
  result.append(made("b", "", { class: name }), text);
  return result;
}

// -- events

function pointer() {
  const canvas = element("tree"), tip = element("tip");
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, view: drawing.view, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) {
      const dx = event.clientX - held.x, dy = event.clientY - held.y, { left, right, top } = held.view;
      if (!held.moved && Math.hypot(dx, dy) < 4) return;
      held.moved = true;
      canvas.classList.add("moving");
      tip.hidden = true;
      const shift = dx / drawing.scale;
      show({ left: left - shift, right: right - shift, top: top - dy / drawing.rowHeight }, { still: true });
      return;
    }
    const i = drawing.at(event.offsetX, event.offsetY);
    if (i !== drawing.hovered) {
      drawing.hovered = i;
      redraw();
    }
    tip.hidden = i < 0;
    if (i >= 0) hint(tip, i, event);
  });
  const release = (event) => {
    if (held && !held.moved && event.type === "pointerup") {
      const i = drawing.at(event.offsetX, event.offsetY);
      if (i >= 0) select(i, { seen: false });
    }
    held = null;
    canvas.classList.remove("moving");
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
    drawing.hovered = -1;
    redraw();
  });
  canvas.addEventListener("dblclick", (event) => {
    const i = drawing.at(event.offsetX, event.offsetY);
    if (i >= 0) zoomTo(i);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, right, top } = drawing.view, width = right - left;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const shift = (event.deltaX || event.deltaY) / drawing.width * width;
      show({ left: left + shift, right: right + shift, top }, { still: true });
    } else {
      zoomAround(left + event.offsetX / drawing.scale, Math.exp(Math.max(-1, Math.min(1, event.deltaY / 400))));
    }
  }, { passive: false });
  const slide = (event) => {
    if (!event.buttons) return;
    const middle = event.offsetX / drawing.width * proof.total, half = (drawing.view.right - drawing.view.left) / 2;
    show({ left: middle - half, right: middle + half, top: drawing.view.top }, { still: true });
  };
  element("overview").addEventListener("pointerdown", (event) => {
    element("overview").setPointerCapture(event.pointerId);
    slide(event);
  });
  element("overview").addEventListener("pointermove", slide);
}

function hint(tip, i, event) {
  const worst = `${counted(proof.leaves[i])}, worst bound ${digits(proof.worst[i], 4)}`;
  const told = [`bound ${digits(proof.bound[i], 4)}`, STATES[proof.state[i]]];
  if (proof.compared) told.push(ORIGINS[proof.origin[i]]);
  tip.replaceChildren(made("b", label(proof, i)), made("span", told.join(" \u00b7 ")));
  if (proof.state[i] === SPLIT) tip.append(made("br", ""), made("span", worst));
  const { offsetLeft, offsetTop } = element("tree");
  const x = Math.min(event.offsetX + 14, drawing.width - tip.offsetWidth);
  const y = event.offsetY + 18 + tip.offsetHeight > drawing.height ? event.offsetY - tip.offsetHeight - 8 : event.offsetY + 18;
  tip.style.left = `${offsetLeft + Math.max(x, 0)}px`;
  tip.style.top = `${offsetTop + Math.max(y, 0)}px`;
}

const KEYS = {
  ArrowUp: () => proof.parent[drawing.selected] >= 0 && select(proof.parent[drawing.selected]),
  ArrowDown: () => proof.state[drawing.selected] === SPLIT && select(drawing.selected + 1),
  ArrowLeft: () => select(neighbour(drawing.selected, -1)),
  ArrowRight: () => select(neighbour(drawing.selected, 1)),
  Enter: () => zoomTo(drawing.selected),
  Backspace: zoomOut,
  Home: whole,
  "+": () => zoomAround((drawing.view.left + drawing.view.right) / 2, 0.6),
  "-": () => zoomAround((drawing.view.left + drawing.view.right) / 2, 1 / 0.6),
  "[": () => setLevels(drawing.levels - 1),
  "]": () => setLevels(drawing.levels + 1),
  "/": () => element("query").select(),
  "?": toggleHelp,
  Escape: () => element("keys").hidden || toggleHelp(),
  n: () => go(current + 1),
  N: () => go(current - 1),
  w: worstLeaf,
  c: () => colourBy(!drawing.byOrigin),
};

function toggleHelp() {
  element("keys").hidden = !element("keys").hidden;
  element("help").setAttribute("aria-expanded", String(!element("keys").hidden));
}

// Of what is shown: of the selected node where that is split, else of everything.
function worstLeaf() {
  const roots = proof.state[drawing.selected] === SPLIT ? [drawing.selected] : proof.roots;
  const least = roots.reduce((a, b) => (proof.worst[b] < proof.worst[a] ? b : a));
  select(proof.worstLeaf[least]);
}

function keyboard() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=search]")) {
      if (event.key !== "Escape") return;
      event.preventDefault(); // which would empty it
      element("tree").focus();
      return;
    }
    const onControl = event.target.matches("button, input");
    if (onControl && (event.key === "Enter" || event.key.startsWith("Arrow"))) return;
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  const query = element("query");
  query.addEventListener("input", () => search(query.value));
  query.addEventListener("change", () => remember(query.value));
  element("search").addEventListener("submit", (event) => {
    event.preventDefault();
    remember(query.value);
    go(current + 1);
  });
  const clicks = {
    next: () => go(current + 1), previous: () => go(current - 1), fewer: KEYS["["], more: KEYS["]"],
    worst: worstLeaf, out: zoomOut, whole, help: toggleHelp, zoom: () => zoomTo(drawing.selected),
    theme: () => dress(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  };
  for (const [id, act] of Object.entries(clicks)) element(id).addEventListener("click", act);
  for (const radio of document.getElementsByName("colour")) {
    radio.addEventListener("change", () => colourBy(radio.value === "origin"));
  }
}

// -- the beginning

dress(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
for (const part of document.querySelectorAll(".origins")) part.hidden = !proof.compared;
new ResizeObserver(() => {
  drawing.resize();
  drawing.draw();
}).observe(element("tree"));
drawing.resize();
setLevels(proof.folded ?? Math.max(Math.floor(drawing.height / 21) - 1, 4));
pointer();
keyboard();
select(0, { seen: false });
follow();
addEventListener("hashchange", () => location.hash !== remembered && follow());
drawing.draw();
document.body.dataset.ready = "true";
