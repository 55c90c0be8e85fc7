// What people do: search, click, drag, press keys.

let matches = [], current = -1;

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

// Events

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

// The beginning

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
