// The node that is selected, and what is told of it.

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
