// What the page shows, as signals: the address (view, moment, selection), what the daemon last said, and the lanes of it.
import { batch, computed, signal } from '@preact/signals';
import { ask, hear } from './api';
import type { Lanes, Row, Waiting } from './model';
import INBOX from '../ops/inbox.graphql';
import LANES from '../ops/lanes.graphql';
import TIPS from '../ops/tips.graphql';

// ---- The address: everything that a link shares ----

export const address = signal(new URL(location.href));
addEventListener('popstate', () => (address.value = new URL(location.href)));

/** The parts of the path: ["task", "fix-…"]. */
export const path = computed(() => address.value.pathname.split('/').filter(Boolean).map(decodeURIComponent));
export const param = (name: string) => address.value.searchParams.get(name);

/** An address with another path, and other parameters; null takes one away. What is not named stays: the moment above all. */
export function href(to: string | null, params: Record<string, string | null> = {}): string {
  const url = new URL(address.value);
  if (to !== null && to !== url.pathname) {
    const at = url.searchParams.get('at');
    url.pathname = to;
    url.search = at ? `?at=${at}` : '';
  }
  for (const [k, v] of Object.entries(params)) {
    if (v === null) url.searchParams.delete(k);
    else url.searchParams.set(k, v);
  }
  return url.pathname + url.search;
}

export function go(to: string | null, params: Record<string, string | null> = {}, replace = false): void {
  const next = new URL(href(to, params), location.href);
  if (next.href === address.value.href) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', next);
  address.value = next;
}

/** Links within the page do not load it anew. */
addEventListener('click', (event) => {
  const a = (event.target as Element).closest?.('a');
  if (!a || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || a.target || a.origin !== location.origin) return;
  event.preventDefault();
  go(a.pathname, Object.fromEntries([...new URL(a.href).searchParams]));
});

// ---- What there is ----

export const lanes = signal<Lanes | null>(null);
export const branch = signal<string | null>(null);
export const inbox = signal<Waiting[]>([]);
export const failure = signal('');
/** Counts the times that a line of the fabric has moved: who shows what is now asks again. */
export const beat = signal(0);

/** The commit that is looked at, null for what is now. */
export const at = computed(() => param('at'));

/** The rows up to the moment that is looked at, newest first. */
export const rows = computed<Row[]>(() => {
  const all = lanes.value?.rows ?? [];
  const id = at.value;
  const i = id ? all.findIndex((r) => r.commit.id.startsWith(id)) : 0;
  return i < 0 ? all : all.slice(i);
});

/** The commit of the system line at that moment: what `warp(at:)` is asked for, null for what is now. */
export const snapshot = computed<string | null>(() => (at.value ? (rows.value.find((r) => !r.lane)?.commit.id ?? at.value) : null));

const PAGE = 100;
let wanted = PAGE;
let loading: Promise<void> | null = null;
let again = false;

/** Loads the lanes, one load at a time; a move during one is followed by another. */
export function load(): Promise<void> {
  if (loading) {
    again = true;
    return loading;
  }
  loading = (async () => {
    do {
      again = false;
      await loadOnce();
    } while (again);
  })().finally(() => (loading = null));
  return loading;
}

async function loadOnce(): Promise<void> {
  type Answer = { warp: { branch: string | null; lanes: Lanes } };
  const known = lanes.value?.rows.findLast((r) => !r.lane)?.commit.id;
  const until = known && wanted <= PAGE ? known : null;
  try {
    let got = (await ask<Answer>(LANES, { first: Math.min(wanted, 400), until })).warp;
    // A moment that lies further back than what is shown: what there was then is shown instead.
    if (at.value && !got.lanes.rows.some((r) => r.commit.id.startsWith(at.value!))) {
      got = (await ask<Answer>(LANES, { at: at.value, first: PAGE })).warp;
    }
    batch(() => {
      lanes.value = got.lanes;
      branch.value = got.branch;
      failure.value = '';
    });
  } catch (e) {
    failure.value = (e as Error).message;
  }
}

export function loadOlder(): void {
  wanted = Math.min(400, Math.max(wanted, lanes.value?.rows.filter((r) => !r.lane).length ?? 0) + PAGE);
  void load();
}

/** Follows the fabric. */
export function follow(): void {
  hear<{ tips: unknown }>(TIPS, {}, () => {
    beat.value++;
    void load();
  });
  hear<{ inbox: Waiting[] }>(INBOX, {}, (data) => (inbox.value = data.inbox));
}

/** Moves the moment by so many rows: back in time for a positive number. */
export function step(n: number): void {
  const all = lanes.value?.rows ?? [];
  if (!all.length) return;
  const i = Math.max(0, at.value ? all.findIndex((r) => r.commit.id.startsWith(at.value!)) : 0);
  const to = Math.min(all.length - 1, Math.max(0, i + n));
  look(to === 0 ? null : all[to].commit.id);
}

/** Looks at the moment of a commit, null for what is now. */
export function look(id: string | null): void {
  go(null, { at: id && id.slice(0, 12) }, true);
}
