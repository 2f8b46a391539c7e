// Where the lanes run. The server puts the rows into an order; here each lane gets a column, and each line its path.
import type { Lane, Lanes } from './model';

export const ROW = 26;
export const COLUMN = 14;
const LEFT = 13;

export interface Strand {
  lane: Lane;
  column: number;
  hue: number;
  /** Indices into the rows: of the rewrite that it begins after, and of the one that it ends with; -1 for beyond the edge. */
  from: number;
  end: number;
  /** Of its own commits, newest first. */
  own: number[];
}

export interface Braid {
  strands: Strand[];
  columns: number;
}

/** A colour that a lane keeps whatever else there is. */
export function hue(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return (h >>> 0) % 8;
}

/** Gives each lane the leftmost column that is free from its first row to its last; the oldest chooses first. */
export function braid({ rows, lanes }: Lanes): Braid {
  const index = new Map(rows.map((r, i) => [r.commit.id, i]));
  const own = new Map<string, number[]>();
  rows.forEach((r, i) => {
    if (r.lane) own.set(r.lane, [...(own.get(r.lane) ?? []), i]);
  });
  const strands: Strand[] = lanes.map((lane) => ({
    lane,
    column: 0,
    hue: hue(lane.name),
    from: index.get(lane.from) ?? -1,
    end: lane.end ? (index.get(lane.end) ?? -1) : -1,
    own: own.get(lane.name) ?? [],
  }));
  const oldest = (s: Strand) => (s.from < 0 ? rows.length : s.from);
  const taken: number[] = []; // the newest row that each column is used at
  for (const s of [...strands].sort((a, b) => oldest(b) - oldest(a))) {
    let c = 0;
    while (c < taken.length && taken[c] < oldest(s)) c++;
    taken[c] = s.end;
    s.column = c + 1;
  }
  return { strands, columns: taken.length + 1 };
}

export const x = (column: number) => LEFT + column * COLUMN;
export const y = (row: number) => row * ROW + ROW / 2;

/** A line from one row up to a newer one: it changes its column within one row, next to the older end or the newer. */
export function curve(x0: number, y0: number, x1: number, y1: number, bend: 'old' | 'new'): string {
  if (x0 === x1) return `M${x0} ${y0}V${y1}`;
  const near = bend === 'old' ? Math.max(y1, y0 - ROW) : Math.min(y0, y1 + ROW);
  if (bend === 'old') {
    const mid = (y0 + near) / 2;
    return `M${x0} ${y0}C${x0} ${mid} ${x1} ${mid} ${x1} ${near}V${y1}`;
  }
  const mid = (near + y1) / 2;
  return `M${x0} ${y0}V${near}C${x0} ${mid} ${x1} ${mid} ${x1} ${y1}`;
}
