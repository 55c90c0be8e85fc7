// The picture: an icicle. A node is a bar as wide as its leaves; what its split makes of it lies below it. Only what can
// be seen is drawn: subtrees beside the view are passed over, and one that is narrower than a pixel is one stroke.

const BINS = 64;
const DIM = 0.3; // what a search did not find
const LEAST_ROW = 7, MOST_ROW = 44;

class Drawing {
  constructor(proof, canvas, overview) {
    this.proof = proof;
    this.canvas = canvas;
    this.overview = overview;
    this.view = { left: 0, right: proof.total, top: 0 }; // in leaves, and the depth of the first row
    this.levels = 1;
    this.selected = 0;
    this.hovered = -1;
    this.byOrigin = false;
    this.hits = null; // whether each node is one, and their numbers before each position
    this.bin = Uint8Array.from({ length: proof.count }, (_, i) => this.binOf(proof.bound[i]));
    this.worstBin = Uint8Array.from({ length: proof.count }, (_, i) => this.binOf(proof.worst[i]));
    this.binsBefore = new Float64Array(proof.count + 1); // sums over leaves
    for (let i = 0; i < proof.count; i++) {
      this.binsBefore[i + 1] = this.binsBefore[i] + (proof.state[i] === SPLIT ? 0 : this.bin[i]);
    }
    this.retint();
  }

  // Bounds span many powers of ten: linear around zero, logarithmic beyond.
  share(bound) {
    const { linear, low, high } = this.proof;
    if (bound === 0 || Number.isNaN(bound)) return 0;
    const size = Math.log1p(Math.min(Math.abs(bound), 1e300) / linear);
    const whole = Math.log1p(Math.abs(bound < 0 ? low : high) / linear);
    return Math.sign(bound) * (whole > 0 ? Math.min(size / whole, 1) : 1);
  }

  binOf(bound) {
    return Math.round((this.share(bound) + 1) / 2 * (BINS - 1));
  }

  retint() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const stops = ["low", "low-mid", "zero", "high-mid", "high"].map((name) => rgb(colour(name)));
    this.palette = Array.from({ length: BINS }, (_, k) => {
      const place = k / (BINS - 1) * (stops.length - 1), from = Math.min(Math.floor(place), stops.length - 2);
      return stops[from].map((value, c) => Math.round(value + (place - from) * (stops[from + 1][c] - value)));
    });
    this.fill = this.palette.map((c) => `rgb(${c})`);
    this.originFill = ORIGINS.map(colour);
    this.colours = Object.fromEntries(["paper", "ink", "soft", "ring", "open", "line"].map((n) => [n, colour(n)]));
    this.inkOn = (hex) => (luminance(typeof hex === "string" ? rgb(hex) : hex) > 0.2 ? "#15202b" : "#ffffff");
    this.hatch = this.striped(this.colours.open);
  }

  striped(colour) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = 3;
    for (const x of [-8, 0, 8]) {
      pen.beginPath();
      pen.moveTo(x - 2, 10);
      pen.lineTo(x + 10, -2);
      pen.stroke();
    }
    return this.canvas.getContext("2d").createPattern(tile, "repeat");
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.overview]) {
      const { width, height } = canvas.getBoundingClientRect();
      canvas.width = Math.max(Math.round(width * ratio), 1);
      canvas.height = Math.max(Math.round(height * ratio), 1);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
      if (canvas === this.canvas) Object.assign(this, { width, height });
    }
  }

  get rowHeight() {
    return Math.min(Math.max(this.height / (this.levels + 1), LEAST_ROW), MOST_ROW);
  }

  get scale() {
    return this.width / (this.view.right - this.view.left);
  }

  // The node at a place on the canvas, -1 for none; that of a stroke is the root of its subtree.
  at(x, y) {
    const { proof, view } = this;
    const leaf = view.left + x / this.scale, depth = Math.floor(view.top + y / this.rowHeight);
    if (leaf < 0 || leaf >= proof.total || depth > this.last) return -1;
    let i = proof.roots[0], root = proof.roots.length - 1;
    if (root > 0) {
      let low = 0;
      while (low < root) {
        const middle = (low + root + 1) >> 1;
        if (proof.first[proof.roots[middle]] <= leaf) low = middle; else root = middle - 1;
      }
      i = proof.roots[low];
    }
    while (proof.depth[i] < depth) {
      if (proof.state[i] !== SPLIT) return -1;
      if (proof.leaves[i] * this.scale < 1) return depth <= proof.depth[i] + proof.height[i] ? i : -1;
      const above = second(proof, i);
      i = leaf < proof.first[above] ? i + 1 : above;
    }
    return i;
  }

  // Depth of the last row: what is deeper is folded.
  get last() {
    return Math.floor(this.view.top + 1e-9) + this.levels;
  }

  draw() {
    const pen = this.canvas.getContext("2d"), { proof, view, scale, rowHeight: row, last } = this;
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = `${Math.min(row > 30 ? 13 : 12, row - 6)}px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "middle";
    this.drawn = 0;
    const todo = proof.roots.slice().reverse();
    while (todo.length) {
      const i = todo.pop();
      const x = (proof.first[i] - view.left) * scale, width = proof.leaves[i] * scale;
      if (x + width < 0 || x > this.width) continue;
      const depth = proof.depth[i], folded = depth === last && proof.state[i] === SPLIT;
      const y = (depth - view.top) * row;
      if (width < 0.8) {
        this.stroke(pen, i, x, y, width);
        continue;
      }
      if (y > -row) this.bar(pen, i, x, y, width, row, folded);
      if (proof.state[i] === SPLIT && !folded) todo.push(second(proof, i), i + 1);
    }
    this.mark(pen, this.hovered, this.colours.soft, 1.5);
    this.mark(pen, this.selected, this.colours.ring, 2.5);
    this.drawOverview();
  }

  tint(i, folded) {
    if (!this.byOrigin) return this.fill[folded ? this.worstBin[i] : this.bin[i]];
    return this.originFill[folded ? this.mostTelling(i) : this.proof.origin[i]];
  }

  // A stroke is as its leaves are on the average, so that a dense picture looks like itself from near.
  tintOfStroke(i) {
    if (this.byOrigin) return this.tint(i, true);
    return this.fill[Math.round(inside(this.proof, this.binsBefore, i) / this.proof.leaves[i])];
  }

  // Of a folded subtree: new, where anything in it is, else reused, else transferred.
  mostTelling(i) {
    const { proof } = this;
    for (const origin of [1, 2, 3]) if (inside(proof, proof.originBefore[origin], i)) return origin;
    return 0;
  }

  dimmed(i, whole) {
    if (!this.hits || this.hits.list.length < 2) return false;
    return whole ? inside(this.proof, this.hits.before, i) === 0 : !this.hits.is[i];
  }

  stroke(pen, i, x, y, width) {
    const { proof } = this;
    const rows = Math.min(proof.height[i], this.last - proof.depth[i]) + 1;
    const bottom = y + rows * this.rowHeight - 1;
    if (bottom < 0) return;
    this.drawn++;
    pen.globalAlpha = this.dimmed(i, true) ? DIM : 1;
    pen.fillStyle = inside(proof, proof.openBefore, i) ? this.colours.open : this.tintOfStroke(i);
    pen.fillRect(x, y, Math.max(width, 0.5), bottom - y);
    pen.globalAlpha = 1;
  }

  bar(pen, i, x, y, width, row, folded) {
    const { proof } = this, gap = width > 3 ? 1 : 0;
    const left = Math.max(x, -2), right = Math.min(x + width - gap, this.width + 2), height = row - 1;
    this.drawn++;
    pen.globalAlpha = this.dimmed(i, folded) ? DIM : 1;
    pen.fillStyle = this.tint(i, folded);
    pen.fillRect(left, y, right - left, height);
    if (proof.state[i] === OPEN || (folded && inside(proof, proof.openBefore, i))) {
      pen.fillStyle = this.hatch;
      pen.fillRect(left, y, right - left, height);
    }
    if (!this.byOrigin && proof.origin[i] === NEW && proof.compared && row >= 13 && !folded) {
      pen.fillStyle = this.originFill[NEW];
      pen.fillRect(left, y + height - 3, right - left, 3);
    }
    if (folded) this.teeth(pen, left, right, y + height);
    if (right - left > 30 && row >= 13) this.write(pen, i, left, right, y + height / 2, folded);
    pen.globalAlpha = 1;
  }

  // The lower edge of a bar that stands for its subtree looks torn off.
  teeth(pen, left, right, bottom) {
    const size = Math.min(4, (right - left) / 2);
    pen.fillStyle = this.colours.paper;
    pen.beginPath();
    pen.moveTo(left, bottom + 0.5);
    for (let x = left; x < right; x += 2 * size) {
      pen.lineTo(Math.min(x + size, right), bottom - size);
      pen.lineTo(Math.min(x + 2 * size, right), bottom + 0.5);
    }
    pen.fill();
  }

  // The longest of these texts that there is room for.
  write(pen, i, left, right, y, folded) {
    const { proof } = this, room = Math.min(right, this.width) - Math.max(left, 0) - 12;
    const split = label(proof, i), bound = digits(proof.bound[i], 4), leaves = grouped(proof.leaves[i]);
    const short = split.replace(/^layer (\d+) unit (\d+)/, "$1:$2").replace(/^region /, "").replace(/ <= /, " \u2264 ").replace(/ >= /, " \u2265 ");
    const texts = folded ? [`\u2026 ${leaves} leaves`, `\u2026 ${leaves}`] : [`${split}   ${bound}`, split, short];
    const text = [...texts, short.split(" ")[0]].find((some) => pen.measureText(some).width <= room);
    if (text === undefined) return;
    const tint = this.byOrigin ? this.tint(i, folded) : this.palette[folded ? this.worstBin[i] : this.bin[i]];
    pen.fillStyle = this.inkOn(tint);
    pen.fillText(text, Math.max(left, 0) + 6, y + 0.5);
  }

  mark(pen, i, colour, thick) {
    if (i < 0) return;
    const { proof, view, scale, rowHeight: row } = this;
    const y = (proof.depth[i] - view.top) * row;
    const x = (proof.first[i] - view.left) * scale, width = Math.max(proof.leaves[i] * scale, 3);
    if (y < -row || proof.depth[i] > this.last || x > this.width || x + width < 0) return;
    const left = Math.max(x, 0), right = Math.min(x + width, this.width);
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.strokeRect(left + thick / 2 - 1, y + thick / 2 - 1, Math.max(right - left - thick + 1, 1), row - thick + 1);
  }

  // All leaves side by side, each pixel as its leaves are on the average, and the view among them.
  drawOverview() {
    const { proof, view } = this, pen = this.overview.getContext("2d");
    const height = 26, strip = 18, width = this.width, key = `${width} ${this.byOrigin} ${this.fill[0]}`;
    if (this.strip?.key !== key) this.strip = { key, columns: this.columns(width) };
    pen.clearRect(0, 0, width, height);
    this.strip.columns.forEach((colour, x) => {
      pen.fillStyle = colour;
      pen.fillRect(x, 4, 1, strip);
    });
    const left = Math.max(view.left, 0) / proof.total * width, right = Math.min(view.right, proof.total) / proof.total * width;
    pen.fillStyle = this.colours.paper;
    pen.globalAlpha = 0.65;
    pen.fillRect(0, 4, left, strip);
    pen.fillRect(right, 4, width - right, strip);
    pen.globalAlpha = 1;
    if (this.hits) {
      pen.fillStyle = this.colours.ring;
      for (const i of this.hits.list) {
        pen.fillRect((proof.first[i] + proof.leaves[i] / 2) / proof.total * width - 0.75, 0, 1.5, 4);
      }
    }
    pen.strokeStyle = this.colours.ring;
    pen.lineWidth = 1.5;
    pen.strokeRect(left + 0.75, 4.25, Math.max(right - left - 1.5, 2), strip - 0.5);
  }

  columns(width) {
    const { proof } = this, count = Math.ceil(width);
    const bins = new Float64Array(count), leaves = new Float64Array(count), special = new Int32Array(count).fill(4);
    for (let i = 0; i < proof.count; i++) {
      if (proof.state[i] === SPLIT) continue;
      const from = Math.floor(proof.first[i] / proof.total * width);
      const to = Math.min(Math.ceil((proof.first[i] + 1) / proof.total * width), count);
      for (let x = from; x < to; x++) {
        bins[x] += this.bin[i];
        leaves[x] += 1;
        special[x] = Math.min(special[x], proof.state[i] === OPEN ? 0 : proof.origin[i] || 4);
      }
    }
    return Array.from(bins, (sum, x) => {
      if (special[x] === 0) return this.colours.open;
      return this.byOrigin ? this.originFill[special[x] % 4] : this.fill[Math.round(sum / Math.max(leaves[x], 1))];
    });
  }
}

const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

function luminance(colour) {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
