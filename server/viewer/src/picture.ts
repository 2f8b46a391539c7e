// The picture of a graph as the server sends it (server/picture.go has the format), and what of it is worth drawing from where one
// looks. A circle that is small from there is drawn as one disc in place of all that is in it: the work depends on what can be told
// apart, not on how large the graph is.

export const NONE = 0xffffffff;

export interface View {
  left: number;
  right: number;
  bottom: number;
  top: number;
  /** Pixels for one unit of the picture. */
  scale: number;
}

/** What is drawn: spots by themselves, and discs that stand for all that is in them. */
export interface Cut {
  dots: number[];
  discs: number[];
  /** Groups that one looks into. */
  halos: number[];
  /** Where edges lead that leave the view. */
  beyond: number[];
  edges: [from: number, to: number, edge: number][];
}

const SMALL = 5; // pixels: the radius below which a circle is one disc
const MOST = 3000; // dots and discs at once
const MOST_EDGES = 2500;

export class Picture {
  readonly kinds: string[] = [];
  readonly labels: string[] = [];
  readonly size: number;
  readonly node: Uint32Array;
  readonly parent: Uint32Array;
  readonly count: Uint32Array;
  /** x, y and r of the circle, x and y of the node. */
  readonly place: Float32Array;
  readonly kind: Uint8Array;
  readonly change: Uint8Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly label: Uint8Array;
  readonly edgeChange: Uint8Array;
  /** Changes below each spot, itself included. */
  readonly changes: Uint32Array;
  private readonly first: Uint32Array;
  private readonly behind: Uint32Array;
  private readonly names: Uint32Array;
  private readonly raw: Uint8Array;
  private readonly shown: Uint32Array;

  constructor(buffer: ArrayBuffer) {
    const view = new DataView(buffer);
    this.raw = new Uint8Array(buffer);
    const magic = new TextDecoder().decode(this.raw.subarray(0, 8));
    if (magic !== 'jitosG1\n') throw new Error('this page is older than its daemon: reload it');
    let p = 8;
    const u32 = () => ((p += 4), view.getUint32(p - 4, true));
    const n = u32();
    const m = u32();
    const [kinds, labels] = [u32(), u32()];
    const word = () => {
      const length = u32();
      return new TextDecoder().decode(this.raw.subarray(p, (p += length)));
    };
    for (let i = 0; i < kinds; i++) this.kinds.push(word());
    for (let i = 0; i < labels; i++) this.labels.push(word());
    this.size = n;
    this.node = new Uint32Array(n);
    this.parent = new Uint32Array(n);
    this.count = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      this.node[i] = u32();
      this.parent[i] = u32();
      this.count[i] = u32();
    }
    this.place = new Float32Array(buffer.slice(p, (p += 20 * n)));
    this.kind = new Uint8Array(n);
    this.change = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      this.kind[i] = this.raw[p++];
      this.change[i] = this.raw[p++];
    }
    this.from = new Uint32Array(m);
    this.to = new Uint32Array(m);
    for (let i = 0; i < m; i++) {
      this.from[i] = u32();
      this.to[i] = u32();
    }
    this.label = new Uint8Array(m);
    this.edgeChange = new Uint8Array(m);
    for (let i = 0; i < m; i++) {
      this.label[i] = this.raw[p++];
      this.edgeChange[i] = this.raw[p++];
    }
    this.names = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      this.names[i] = p;
      p += 2 + view.getUint16(p, true);
    }
    // What hangs on a spot stands side by side, as parents come before children and level by level.
    this.first = new Uint32Array(n);
    this.behind = new Uint32Array(n);
    this.changes = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const q = this.parent[i];
      if (q === NONE) continue;
      if (!this.behind[q]) this.first[q] = i;
      this.behind[q] = i + 1;
    }
    for (let i = n - 1; i >= 0; i--) {
      if (this.change[i]) this.changes[i]++;
      if (this.parent[i] !== NONE) this.changes[this.parent[i]] += this.changes[i];
    }
    this.shown = new Uint32Array(n);
  }

  isGroup(i: number): boolean {
    return this.node[i] === NONE;
  }

  name(i: number): string {
    const p = this.names[i];
    return new TextDecoder().decode(this.raw.subarray(p + 2, p + 2 + this.raw[p] + (this.raw[p + 1] << 8)));
  }

  id(i: number): string {
    return `${this.kinds[this.kind[i]]}/${this.name(i)}`;
  }

  /** Nodes of each kind. */
  tally(): number[] {
    const of = new Array<number>(this.kinds.length).fill(0);
    for (let i = 0; i < this.size; i++) if (!this.isGroup(i)) of[this.kind[i]]++;
    return of;
  }

  /** The spot of a node, -1 where there is none. */
  find(id: string): number {
    const [kind, name] = [this.kinds.indexOf(id.slice(0, id.indexOf('/'))), id.slice(id.indexOf('/') + 1)];
    for (let i = 0; i < this.size; i++) if (this.kind[i] === kind && !this.isGroup(i) && this.name(i) === name) return i;
    return -1;
  }

  /** Nodes whose id has all of the words in it, at most so many. */
  search(text: string, most: number): number[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found: number[] = [];
    if (!words.length) return found;
    for (let i = 0; i < this.size && found.length < most; i++) {
      if (this.isGroup(i)) continue;
      const id = this.id(i);
      if (words.every((w) => id.includes(w))) found.push(i);
    }
    return found;
  }

  /** What one sees from there. Where that would be too much, what is small is drawn as one disc sooner. */
  cut(view: View, always = -1): Cut {
    let small = SMALL;
    for (;;) {
      const cut = this.tryCut(view, small / view.scale, always);
      if (cut) {
        this.addEdges(cut);
        return cut;
      }
      small *= 1.5;
    }
  }

  private tryCut(v: View, small: number, always: number): Cut | null {
    const cut: Cut = { dots: [], discs: [], halos: [], beyond: [], edges: [] };
    const wanted = new Set<number>();
    for (let i = always; i >= 0 && i !== NONE; i = this.parent[i]) wanted.add(i);
    const { place, shown } = this;
    shown.fill(NONE);
    const todo = this.size ? [0] : [];
    while (todo.length) {
      const i = todo.pop()!;
      const [x, y, r] = [place[5 * i], place[5 * i + 1], place[5 * i + 2]];
      if (x + r < v.left || x - r > v.right || y + r < v.bottom || y - r > v.top) continue;
      if (cut.dots.length + cut.discs.length > MOST) return null;
      if (this.count[i] > 1 && r < small && !wanted.has(i)) {
        cut.discs.push(i);
        shown[i] = i;
        continue;
      }
      if (this.isGroup(i)) cut.halos.push(i);
      else {
        cut.dots.push(i);
        shown[i] = i;
      }
      for (let c = this.first[i]; c < this.behind[i]; c++) todo.push(c);
    }
    return cut;
  }

  /** Edges of what is drawn: those of what is in a disc are the disc's. Those that leave the view have what room the others leave. */
  private addEdges(cut: Cut): void {
    const { shown, parent } = this;
    const discs = new Uint8Array(this.size);
    for (const i of cut.discs) discs[i] = 1;
    for (let i = 1; i < this.size; i++) {
      const q = parent[i];
      if (shown[i] === NONE && shown[q] !== NONE && discs[shown[q]]) shown[i] = shown[q];
    }
    const seen = new Set<number>();
    const beyond = new Set<number>();
    for (const leaving of [false, true]) {
      for (let e = 0; e < this.from.length && cut.edges.length < MOST_EDGES; e++) {
        let [a, b] = [shown[this.from[e]], shown[this.to[e]]];
        if (a === b || (a === NONE || b === NONE) !== leaving) continue;
        if (a === NONE) beyond.add((a = this.from[e]));
        if (b === NONE) beyond.add((b = this.to[e]));
        const key = a * this.size + b;
        if (seen.has(key)) continue;
        seen.add(key);
        cut.edges.push([a, b, e]);
      }
    }
    cut.beyond = [...beyond];
  }
}
