// Where the tries of an attempt stand in time. Claims are known to the second and tries take milliseconds, so a try begins when it
// was claimed, and not before what it comes after has ended. Waiting is drawn short.
import type { Job, Try } from './model';

export interface Bar {
  job: Job;
  attempt: Try;
  number: number;
  worker: string;
  /** Milliseconds since the first claim; end is null while it runs. */
  begin: number;
  end: number | null;
  /** Among those of its worker that run at once. */
  slot: number;
}

export interface Timeline {
  bars: Bar[];
  workers: { name: string; slots: number }[];
  /** From milliseconds to a share of the width. */
  place: (ms: number) => number;
  /** Stretches in which nothing ran, by their shares of the width, and how long they took. */
  gaps: { from: number; to: number; ms: number }[];
  total: number;
}

export function timeline(jobs: Job[], now: number): Timeline {
  const claims = jobs.flatMap((j) => j.tries.map((t) => (t.began ? Date.parse(t.began) : NaN))).filter((t) => !Number.isNaN(t));
  const zero = claims.length ? Math.min(...claims) : now;
  const ended = new Map<string, number>(); // by the name of the step
  const bars: Bar[] = [];
  const order = [...jobs].sort((a, b) => first(a) - first(b));
  for (const job of order) {
    let earliest = Math.max(0, ...job.step.after.map((name) => ended.get(name) ?? 0));
    job.tries.forEach((attempt, i) => {
      const begin = Math.max(earliest, (attempt.began ? Date.parse(attempt.began) : zero) - zero);
      const end = attempt.settlement ? begin + Math.max(1, attempt.settlement.from ? 1 : attempt.settlement.millis) : null;
      bars.push({ job, attempt, number: i + 1, worker: job.step.worker, begin, end, slot: 0 });
      earliest = end ?? begin;
    });
    ended.set(job.name, earliest);
  }
  const last = Math.max(1, ...bars.map((b) => b.end ?? Math.max(b.begin + 1, now - zero)));
  const workers = slots(bars, last);
  return { bars, workers, total: last, ...scale(bars, last) };
}

const first = (j: Job) => Math.min(...j.tries.map((t) => (t.began ? Date.parse(t.began) : Infinity)), Infinity);

/** Gives bars of one worker that overlap rows of their own. */
function slots(bars: Bar[], last: number) {
  const workers = new Map<string, number[]>();
  for (const b of [...bars].sort((x, y) => x.begin - y.begin)) {
    const free = workers.get(b.worker) ?? [];
    workers.set(b.worker, free);
    let slot = 0;
    while (slot < free.length && free[slot] > b.begin) slot++;
    free[slot] = b.end ?? last;
    b.slot = slot;
  }
  return [...workers].map(([name, free]) => ({ name, slots: free.length }));
}

/** A piecewise linear scale: stretches without work longer than a tenth of all work are drawn as a tenth. */
function scale(bars: Bar[], last: number) {
  const busy: [number, number][] = [];
  for (const b of [...bars].sort((x, y) => x.begin - y.begin)) {
    const end = b.end ?? last;
    const top = busy.at(-1);
    if (top && b.begin <= top[1]) top[1] = Math.max(top[1], end);
    else busy.push([b.begin, end]);
  }
  const work = Math.max(1, busy.reduce((n, [a, z]) => n + z - a, 0));
  const limit = work / 10;
  const knots: [number, number][] = [[0, 0]]; // milliseconds, drawn
  const gaps: { from: number; to: number; ms: number }[] = [];
  let drawn = 0;
  let at = 0;
  for (const [a, z] of busy) {
    const idle = a - at;
    const shown = Math.min(idle, limit);
    if (idle > limit) gaps.push({ from: drawn, to: drawn + shown, ms: idle });
    drawn += shown;
    knots.push([a, drawn]);
    drawn += z - a;
    knots.push([z, drawn]);
    at = z;
  }
  const width = drawn || 1;
  const place = (ms: number) => {
    let i = 1;
    while (i < knots.length - 1 && knots[i][0] < ms) i++;
    const [[m0, d0], [m1, d1]] = [knots[i - 1], knots[i] ?? [last, width]];
    return (m1 === m0 ? d0 : d0 + ((ms - m0) * (d1 - d0)) / (m1 - m0)) / width;
  };
  return { place, gaps: gaps.map((g) => ({ from: g.from / width, to: g.to / width, ms: g.ms })) };
}
