// What is shown of the picture, and how: zooming, moving, folding, colours.

const element = (id) => document.getElementById(id);
const proof = loaded(element("proof").textContent);
const drawing = new Drawing(proof, element("tree"), element("overview"));
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

let frame = 0;
function redraw() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    drawing.draw();
  });
}

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

// Appearance

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
