// How things are written for people.

/** A hash as git shortens it. */
export const short = (id: string) => id.slice(0, 10);

/** "task/fix-abcdefgh" without the kind. */
export const nameOf = (id: string) => id.slice(id.indexOf('/') + 1);

/** A name without the eight random letters at its end. */
export const slug = (name: string) => name.replace(/-[a-z2-9]{8}$/, '');

export const plural = (n: number, one: string, many = one + 's') => `${n} ${n === 1 ? one : many}`;

/** A person's name, or a worker's. */
export const who = (author: string) => author.replace(/\s*<[^>]*>$/, '');

/** How long ago, in two or three letters. */
export function ago(when: string, now = Date.now()): string {
  const s = Math.max(0, (now - Date.parse(when)) / 1000);
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  if (s < 86400 * 60) return `${Math.floor(s / 86400)} d`;
  return new Date(when).toISOString().slice(0, 10);
}

/** A moment in full, in the reader's zone. */
export function moment(when: string): string {
  const d = new Date(when);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** Milliseconds, to three digits. */
export function took(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A JSON value on one line: words without quotes. */
export function value(v: unknown): string {
  return typeof v === 'string' ? v : (JSON.stringify(v) ?? '');
}
