// The proof: its arrays, what follows from them, and the search.
//
// Nodes come depth first, the half below a split before the half above, so a subtree is a range of positions. All that
// is stored of its shape is which nodes are split; parents, depths and leaves are told by one pass.

const OPEN = 0, SPLIT = 1, NEW = 1;
const STATES = ["open", "split", "closed"];
const ORIGINS = ["unknown", "new", "reused", "transferred"];

function loaded(text) {
  const stored = JSON.parse(text);
  const array = (name, Type) => {
    const letters = atob(stored[name]), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i); // five times as fast as Uint8Array.from
    return new Type(bytes.buffer);
  };
  const flags = array("flags", Uint8Array), count = flags.length;
  const proof = {
    count,
    compared: stored.compared,
    folded: stored.levels, // the depth to fold at first; null for what suits the window
    linear: stored.linear, low: stored.low, high: stored.high,
    row: array("row", Int32Array),
    bound: array("bound", Float64Array),
    state: flags.map((flag) => flag & 3),
    origin: flags.map((flag) => (flag >> 2) & 3),
    // of the split of a node that is split, by the number of such nodes before it
    isUnit: flags.map((flag) => (flag >> 4) & 1),
    layer: array("layer", Uint16Array), unit: array("unit", Int32Array), at: array("at", Float64Array),
    parent: new Int32Array(count), depth: new Int32Array(count), leaves: new Int32Array(count),
    first: new Int32Array(count), // leaves before the node
    height: new Int32Array(count), // levels below it
    worst: new Float64Array(count), worstLeaf: new Int32Array(count),
    splits: new Int32Array(count), // split nodes before it
    byRow: new Int32Array(count), roots: [], deepest: 0, total: 0,
  };
  shape(proof);
  sums(proof);
  return proof;
}

function shape(proof) {
  const waiting = []; // the nodes whose second half is still to come
  let above = -1, splits = 0, leaves = 0;
  for (let i = 0; i < proof.count; i++) {
    proof.parent[i] = above;
    proof.depth[i] = above < 0 ? 0 : proof.depth[above] + 1;
    proof.deepest = Math.max(proof.deepest, proof.depth[i]);
    proof.first[i] = leaves;
    proof.splits[i] = splits;
    proof.byRow[proof.row[i]] = i;
    if (above < 0) proof.roots.push(i);
    if (proof.state[i] === SPLIT) {
      splits++;
      waiting.push(i);
      above = i;
    } else {
      leaves++;
      // the node is the last of a subtree: the second half of the nearest node that waits for it comes next
      above = waiting.length ? waiting.pop() : -1;
    }
  }
  proof.total = leaves;
}

function sums(proof) {
  for (let i = proof.count - 1; i >= 0; i--) {
    if (proof.state[i] !== SPLIT) {
      proof.leaves[i] = 1;
      proof.worst[i] = proof.bound[i];
      proof.worstLeaf[i] = i;
      continue;
    }
    const below = i + 1, above = second(proof, i);
    proof.leaves[i] = proof.leaves[below] + proof.leaves[above];
    proof.height[i] = 1 + Math.max(proof.height[below], proof.height[above]);
    const worse = proof.worst[below] <= proof.worst[above] ? below : above;
    proof.worst[i] = proof.worst[worse];
    proof.worstLeaf[i] = proof.worstLeaf[worse];
  }
  proof.openBefore = before(proof, (i) => proof.state[i] === OPEN);
  proof.originBefore = ORIGINS.map((_, k) => before(proof, (i) => proof.state[i] !== SPLIT && proof.origin[i] === k));
}

// Of a range of nodes [i, j) so many are chosen: result[j] - result[i].
function before(proof, chosen) {
  const result = new Int32Array(proof.count + 1);
  for (let i = 0; i < proof.count; i++) result[i + 1] = result[i] + (chosen(i) ? 1 : 0);
  return result;
}

const end = (proof, i) => i + 2 * proof.leaves[i] - 1;
const inside = (proof, counted, i) => counted[end(proof, i)] - counted[i];
const second = (proof, i) => end(proof, i + 1);
const isAbove = (proof, i) => proof.parent[i] >= 0 && i !== proof.parent[i] + 1;
const regionOf = (proof, i) => {
  let low = 0, high = proof.roots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (proof.roots[middle] <= i) low = middle; else high = middle - 1;
  }
  return low;
};

// The split that leads to a node; null for roots.
function splitOf(proof, i) {
  const parent = proof.parent[i];
  if (parent < 0) return null;
  const k = proof.splits[parent];
  return {
    isUnit: proof.isUnit[parent] === 1, layer: proof.layer[k], unit: proof.unit[k], at: proof.at[k],
    above: isAbove(proof, i),
  };
}

// As Python's %g writes it: halves go to the even digit, which bisected boxes meet often.
function digits(value, precision) {
  if (value === Infinity) return "empty";
  if (value === -Infinity) return "none";
  if (value === 0) return "0";
  let [mantissa, exponent] = value.toExponential(precision - 1).split("e");
  const exact = value.toExponential(60).split("e")[0], kept = exact.slice(0, exact.indexOf(".") + precision);
  if (/^50*$/.test(exact.slice(kept.length)) && "02468".includes(kept.at(-1))) {
    [mantissa, exponent] = [kept, value.toExponential(60).split("e")[1]];
  }
  if (exponent < -4 || exponent >= precision) {
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    const size = Math.abs(exponent);
    return `${short}e${exponent < 0 ? "-" : "+"}${size < 10 ? "0" : ""}${size}`;
  }
  const plain = Number(`${mantissa}e${exponent}`).toFixed(Math.max(precision - 1 - exponent, 0));
  return plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain;
}

function label(proof, i, exact = false) {
  const split = splitOf(proof, i);
  if (split === null) return `region ${regionOf(proof, i)}`;
  const what = split.isUnit ? `layer ${split.layer} unit ${split.unit}` : `X_${split.unit}`;
  return `${what} ${split.above ? ">=" : "<="} ${exact ? split.at : digits(split.at, 6)}`;
}

const grouped = (number) => number.toLocaleString("en-US");
const counted = (number) => (number === 1 ? "1 leaf" : `${grouped(number)} leaves`);

// Search: a query is a sequence of terms that must all hold; each term is told by how it begins.

const COMPARE = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};
const NUMBER = "-?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?";
const TERMS = [
  [`x_?(\\d+)(?:\\s*([<>]=)\\s*(${NUMBER}))?`, (proof, axis, side, at) => (i) => {
    const split = splitOf(proof, i);
    return split !== null && !split.isUnit && split.unit === +axis && atPlace(split, side, at);
  }],
  [`layer\\s*(\\d+)(?:\\s*unit\\s*(\\d+))?(?:\\s*([<>]=)\\s*(${NUMBER}))?`, (proof, layer, unit, side, at) => (i) => {
    const split = splitOf(proof, i);
    return split !== null && split.isUnit && split.layer === +layer && (unit === undefined || split.unit === +unit)
      && atPlace(split, side, at);
  }],
  ["unit\\s*(\\d+)", (proof, unit) => (i) => {
    const split = splitOf(proof, i);
    return split !== null && split.isUnit && split.unit === +unit;
  }],
  ["region\\s*(\\d+)", (proof, region) => (i) => i === proof.roots[+region]],
  ["#?(\\d+)", (proof, row) => (i) => proof.row[i] === +row],
  ["(open|split|closed)", (proof, state) => (i) => STATES[proof.state[i]] === state],
  ["(unknown|new|reused|transferred)", (proof, origin) => (i) => ORIGINS[proof.origin[i]] === origin],
  ["(?:leaf|leaves)(?!\\s*[<>=])", (proof) => (i) => proof.state[i] !== SPLIT],
  [`(bound|depth|leaves)\\s*(<=|>=|<|>|=)\\s*(${NUMBER})`, (proof, name, how, value) => {
    const test = COMPARE[how], number = +value, column = proof[name];
    return (i) => test(column[i], number);
  }],
];

// A number as it is shown has six digits; typed in full it is meant exactly.
const atPlace = (split, side, at) =>
  side === undefined
  || ((side === ">=") === split.above && (split.at === +at || digits(split.at, 6) === digits(+at, 6)));

// Positions of all nodes for which every term holds; throws what is not understood.
function find(proof, query) {
  let rest = query.trim().toLowerCase();
  const tests = [];
  while (rest) {
    let term = null;
    for (const [pattern, test] of TERMS) {
      term = new RegExp(`^${pattern}(?=[\\s,]|$)`).exec(rest);
      if (term) {
        tests.push(test(proof, ...term.slice(1)));
        rest = rest.slice(term[0].length).replace(/^[\s,]+/, "");
        break;
      }
    }
    if (!term) throw new SyntaxError(rest.split(/[\s,]/)[0]);
  }
  const found = [];
  for (let i = 0; tests.length && i < proof.count; i++) if (tests.every((test) => test(i))) found.push(i);
  return found;
}
