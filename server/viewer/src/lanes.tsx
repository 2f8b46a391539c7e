// The live lanes: the system line and a lane for each workspace, as people know them from git. New rewrites come in from above.
import { computed, effect, signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { CommitPane } from './commit';
import type { Row } from './model';
import { beat, go, href, lanes, loadOlder, look, param, rows } from './state';
import { braid, COLUMN, curve, hue, ROW, x, y, type Braid, type Strand } from './strands';
import { ago, moment, nameOf, short, slug, who } from './words';

const whole = computed<Braid>(() => braid(lanes.value ?? { rows: [], lanes: [], more: false }));
/** Rows that are younger than the moment that is looked at: the drawing begins below them. */
const hidden = computed(() => (lanes.value?.rows.length ?? 0) - rows.value.length);

/** Now, for what tells how long ago something was. */
const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 10_000);
effect(() => {
  beat.value;
  now.value = Date.now();
});

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function LanesView() {
  const selected = param('commit');
  return (
    <main class={selected ? 'split open' : 'split'}>
      <Line selected={selected} />
      {selected ? <CommitPane id={selected} /> : <Hint />}
    </main>
  );
}

function Hint() {
  return (
    <aside class="pane hint" aria-label="Help">
      <p>Select a rewrite to see what it changed.</p>
      <dl class="keys">
        <div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>older, newer</dd></div>
        <div><dt><kbd>[</kbd> <kbd>]</kbd></dt><dd>back and forth in time</dd></div>
        <div><dt><kbd>l</kbd></dt><dd>live again</dd></div>
        <div><dt><kbd>s</kbd></dt><dd>files side by side</dd></div>
        <div><dt><kbd>1</kbd>–<kbd>4</kbd></dt><dd>lanes, tasks, graph, why</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>close</dd></div>
      </dl>
    </aside>
  );
}

function Line({ selected }: { selected: string | null }) {
  const box = useRef<HTMLDivElement>(null);
  const top = useRef(signal(0)).current;
  const height = useRef(signal(800)).current;
  const list = rows.value;
  useEffect(() => {
    const el = box.current!;
    const seen = new ResizeObserver(() => (height.value = el.clientHeight));
    seen.observe(el);
    return () => seen.disconnect();
  }, []);
  useArrivals(box, list);
  useEffect(() => {
    const i = list.findIndex((r) => selected && r.commit.id.startsWith(selected));
    const el = box.current!;
    if (i < 0) return;
    if (i * ROW < el.scrollTop) el.scrollTop = i * ROW;
    else if ((i + 2) * ROW > el.scrollTop + el.clientHeight) el.scrollTop = (i + 2) * ROW - el.clientHeight;
  }, [selected]);
  const first = Math.max(0, Math.floor(top.value / ROW) - 20);
  const last = Math.min(list.length, Math.ceil((top.value + height.value) / ROW) + 20);
  const width = x(Math.min(whole.value.columns, 24) - 1) + COLUMN;
  const active = list.find((r) => selected && r.commit.id.startsWith(selected));
  return (
    <section
      class="lanes"
      ref={box}
      onScroll={(e) => (top.value = e.currentTarget.scrollTop)}
    >
      <div
        class="rows"
        role="listbox"
        tabIndex={0}
        aria-label="Rewrites, newest first"
        aria-activedescendant={active && `r-${active.commit.id}`}
        style={{ height: `${list.length * ROW}px`, '--graph': `${width}px` }}
      >
        <Strands rows={list} width={width} first={first} last={last} />
        {list.slice(first, last).map((r, i) => (
          <LineRow key={r.commit.id} row={r} i={first + i} n={list.length} selected={r === active} named={r.lane !== list[first + i - 1]?.lane} />
        ))}
      </div>
      {!list.length && <p class="empty">Nothing has happened here yet.</p>}
      {lanes.value?.more && <button class="more" onClick={loadOlder}>Older</button>}
    </section>
  );
}

/** What came since the last time slides in from above; a reader further down keeps his place. */
function useArrivals(box: { current: HTMLElement | null }, list: Row[]) {
  const head = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    const before = head.current;
    head.current = list[0]?.commit.id;
    const n = before ? list.findIndex((r) => r.commit.id === before) : 0;
    const el = box.current;
    if (n <= 0 || !el) return;
    if (el.scrollTop > ROW) {
      el.scrollTop += n * ROW;
      return;
    }
    if (calm.matches) return;
    el.querySelector('.rows')!.animate([{ transform: `translateY(${-Math.min(n, 12) * ROW}px)` }, { transform: 'none' }], {
      duration: 320,
      easing: 'cubic-bezier(.2,.7,.2,1)',
    });
    for (let i = 0; i < n && i < 40; i++) {
      const fresh = { duration: 500, easing: 'ease-out' };
      document.getElementById(`r-${list[i].commit.id}`)?.animate([{ opacity: 0 }, { opacity: 1 }], fresh);
      document.getElementById(`d-${list[i].commit.id}`)?.animate([{ transform: 'scale(0)' }, { transform: 'scale(1.7)' }, { transform: 'none' }], fresh);
    }
  }, [list]);
}

const strandOf = (name: string) => whole.value.strands.find((s) => s.lane.name === name);

/** One rewrite. The name of its lane is told where a stretch of it begins. */
function LineRow({ row, i, n, selected, named }: { row: Row; i: number; n: number; selected: boolean; named: boolean }) {
  const c = row.commit;
  const lane = row.lane ? strandOf(row.lane)?.lane : undefined;
  const ended = !row.lane && (c.rule === 'collapse' || c.rule === 'discard') && c.process ? strandOf(nameOf(c.process))?.lane : undefined;
  const rule = c.rule ?? 'commit';
  const subject = c.rule === 'discard' ? (ended?.reason ?? c.subject) : c.subject;
  return (
    <div
      id={`r-${c.id}`}
      class={`row ${row.lane ? 'in-lane' : 'on-line'}`}
      role="option"
      aria-selected={selected}
      aria-setsize={n}
      aria-posinset={i + 1}
      style={{ top: `${i * ROW}px` }}
      onClick={() => go(null, { commit: selected ? null : short(c.id) })}
      title={`${rule}: ${c.subject}\n${who(c.author)}, ${moment(c.when)}`}
    >
      <span class={`rule rule-${rule}`}>{rule}</span>
      <span class="subject">
        {subject}
        {ended && <em class={`hue-${hue(ended.name)}`}>{slug(ended.workspace)}</em>}
      </span>
      {lane && named && <span class={`lane-name hue-${hue(lane.name)}`}>{slug(lane.workspace)}</span>}
      <span class="seq">{c.seq === null ? short(c.id).slice(0, 7) : `#${c.seq}`}</span>
      <time dateTime={c.when}>{ago(c.when, now.value)}</time>
    </div>
  );
}

/** The drawing. It is made for all rows and moved up by those that are younger than the moment. */
function Strands({ rows: list, width, first, last }: { rows: Row[]; width: number; first: number; last: number }) {
  const { strands } = whole.value;
  const off = hidden.value;
  const bottom = list.length + off;
  const tall = list.length * ROW;
  const column = new Map(strands.map((s) => [s.lane.name, s]));
  return (
    <svg class="strands" width={width} height={tall} aria-hidden="true">
      <path class="system" d={`M${x(0)} ${tall}V${list.some((r) => !r.lane) ? y(list.findIndex((r) => !r.lane)) : tall}`} />
      {strands.map((s) => s.from >= off || s.from < 0 ? <StrandLine key={s.lane.name} s={s} off={off} bottom={bottom} /> : null)}
      {list.slice(first, last).map((r, i) => {
        const s = r.lane ? column.get(r.lane) : undefined;
        const rule = r.commit.rule ?? 'commit';
        return (
          <circle
            key={r.commit.id}
            id={`d-${r.commit.id}`}
            class={s ? `dot hue-${s.hue}` : `dot system rule-${rule}`}
            cx={x(s?.column ?? 0)}
            cy={y(first + i)}
            r={s ? 3.25 : rule === 'collapse' || rule === 'land' || rule === 'absorb' ? 4.5 : 3.5}
          />
        );
      })}
    </svg>
  );
}

function StrandLine({ s, off, bottom }: { s: Strand; off: number; bottom: number }) {
  const own = s.own.filter((i) => i >= off);
  const over = s.end >= off; // it has ended at the moment
  const cx = x(s.column);
  const start = s.from < 0 ? bottom : s.from;
  const at = (i: number) => y(i - off);
  const newest = own[0] ?? start;
  let d = s.from < 0 ? `M${cx} ${at(bottom)}` : '';
  // From the line to its own newest commit.
  if (own.length) d = s.from < 0 ? `M${cx} ${at(bottom)}V${at(newest)}` : curve(x(0), at(start), cx, at(newest), 'old');
  const merged = over && s.lane.state === 'COLLAPSED';
  const given = over && s.lane.state === 'DISCARDED';
  return (
    <g class={`strand hue-${s.hue} ${given ? 'given' : ''}`}>
      <path d={d} />
      {merged && own.length > 0 && <path d={curve(cx, at(newest), x(0), at(s.end), 'new')} />}
      {given && (
        <>
          <path d={own.length ? `M${cx} ${at(newest)}V${at(s.end)}` : curve(x(0), at(start), cx, at(s.end), 'old')} />
          <path class="taught" d={`M${cx - 4} ${at(s.end)}H${x(0) + 5}`} />
          <path class="cross" d={`M${cx - 3.5} ${at(s.end) - 3.5}l7 7m0 -7l-7 7`} />
        </>
      )}
      {!over && own.length > 0 && (
        <>
          <path class="open" d={`M${cx} ${at(newest)}V0`} />
          <circle class="tip" cx={cx} cy={at(newest)} r="6" />
        </>
      )}
    </g>
  );
}

/** Moves the selection by so many rows. */
export function select(n: number): void {
  const list = rows.value;
  const id = param('commit');
  const i = id ? list.findIndex((r) => r.commit.id.startsWith(id)) : -1;
  const to = i < 0 ? 0 : Math.min(list.length - 1, Math.max(0, i + n));
  if (list[to]) go(null, { commit: short(list[to].commit.id) }, id !== null);
}

export const laneLink = (id: string) => href('/', { commit: short(id) });
export { look };
