// Differences: of files, unified or side by side, and of the graph. What the server sends is the overlay's.
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { Change, Diff, FieldDiff, FileDiff, Hunk } from './model';
import { plural, value } from './words';

const SPLIT = 'jitos-split';
export const split = signal(localStorage.getItem(SPLIT) === '1' && innerWidth > 700);
export function toggleSplit(): void {
  split.value = !split.value;
  localStorage.setItem(SPLIT, split.value ? '1' : '0');
}

/** So many lines of a file are shown at first. */
const SHOWN = 400;

export function DiffView({ diff }: { diff: Diff }) {
  const { files, graph } = diff;
  const nothing = !files.length && !graph.nodes.length && !graph.edges.length;
  return (
    <>
      {nothing && <p class="empty">It changed neither files nor the graph.</p>}
      {files.length > 0 && (
        <section>
          <header class="part">
            <h3>{plural(files.length, 'file')}</h3>
            <Tally added={sum(files, 'added')} removed={sum(files, 'removed')} />
            <button class="quiet" aria-pressed={split.value} onClick={toggleSplit} title="s">
              side by side
            </button>
          </header>
          {files.map((f) => <File key={f.path} file={f} />)}
        </section>
      )}
      {(graph.nodes.length > 0 || graph.edges.length > 0) && (
        <section>
          <header class="part"><h3>{plural(graph.nodes.length, 'node')}, {plural(graph.edges.length, 'edge')}</h3></header>
          <ul class="items">
            {graph.nodes.map((n) => (
              <li key={n.id} class={`item ${n.change.toLowerCase()}`}>
                <Mark change={n.change} /><code class="id">{n.id}</code>
                <Fields fields={n.fields} />
              </li>
            ))}
            {graph.edges.map((e) => (
              <li key={`${e.from} ${e.label} ${e.to} ${e.key}`} class={`item ${e.change.toLowerCase()}`}>
                <Mark change={e.change} />
                <code class="id">{e.from} <span class="label">{e.label}{e.key && ` ${e.key}`}</span> {e.to}</code>
                <Fields fields={e.attrs} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

const sum = (files: FileDiff[], of: 'added' | 'removed') => files.reduce((n, f) => n + f[of], 0);

export function Tally({ added, removed }: { added: number; removed: number }) {
  return (
    <span class="tally">
      {added > 0 && <span class="plus">+{added}</span>} {removed > 0 && <span class="minus">−{removed}</span>}
    </span>
  );
}

const marks: Record<Change, [string, string]> = { ADDED: ['+', 'added'], CHANGED: ['~', 'changed'], REMOVED: ['−', 'removed'] };

function Mark({ change }: { change: Change }) {
  return <span class="mark" role="img" aria-label={marks[change][1]}>{marks[change][0]}</span>;
}

function Fields({ fields }: { fields: FieldDiff[] }) {
  const [all, setAll] = useState(false);
  if (!fields.length) return null;
  const shown = all ? fields : fields.slice(0, 6);
  return (
    <>
    <dl class="fields">
      {shown.map((f) => (
        <div key={f.name}>
          <dt>{f.name}</dt>
          <dd tabIndex={long(f.old) || long(f.new) ? 0 : undefined}>
            {f.old != null && <del>{value(f.old)}</del>}
            {f.old != null && f.new != null && ' '}
            {f.new != null && <ins>{value(f.new)}</ins>}
          </dd>
        </div>
      ))}
    </dl>
    {shown.length < fields.length && (
      <button class="quiet" onClick={() => setAll(true)}>{plural(fields.length - shown.length, 'more field')}</button>
    )}
    </>
  );
}

/** It may have to be scrolled, and then from the keyboard as well. */
export const long = (v: unknown) => v != null && (value(v).length > 300 || value(v).split('\n').length > 8);

function File({ file }: { file: FileDiff }) {
  const lines = file.hunks.reduce((n, h) => n + h.lines.length, 0);
  const [limit, setLimit] = useState(SHOWN);
  const what = !file.oldMode ? 'new' : !file.newMode ? 'removed' : file.oldMode !== file.newMode ? `${file.oldMode} → ${file.newMode}` : '';
  let left = limit;
  const shown = file.hunks.flatMap((h) => {
    if (left <= 0) return [];
    const cut = h.lines.length > left ? { ...h, lines: h.lines.slice(0, left) } : h;
    left -= h.lines.length;
    return [cut];
  });
  return (
    <details class="file" open>
      <summary>
        <code>{file.path}</code> {what && <span class="mode">{what}</span>} <Tally added={file.added} removed={file.removed} />
      </summary>
      {file.binary && <p class="empty">A binary file.</p>}
      {!file.binary && (
        <div class="code" tabIndex={0} role="group" aria-label={`Difference of ${file.path}`}>
          <table class={split.value ? 'diff two' : 'diff'}>
            {split.value && <colgroup><col class="no" /><col /><col class="no" /><col /></colgroup>}
            {shown.map((h, i) => (
              <tbody key={i}>
                <tr class="hunk"><td colSpan={split.value ? 4 : 3}>@@ −{h.oldStart},{h.oldLines} +{h.newStart},{h.newLines} @@</td></tr>
                {split.value ? <Two hunk={h} /> : <One hunk={h} />}
              </tbody>
            ))}
          </table>
        </div>
      )}
      {limit < lines && <button class="quiet" onClick={() => setLimit(lines)}>{plural(lines - limit, 'more line')}</button>}
    </details>
  );
}

interface Line {
  kind: ' ' | '-' | '+';
  text: string;
  old?: number;
  new?: number;
  /** The line that it became, or was. */
  peer?: string;
}

/** Numbers the lines of a hunk, and pairs what was taken out with what was put in its place. */
function numbered(h: Hunk): Line[] {
  let o = h.oldStart;
  let n = h.newStart;
  const list: Line[] = [];
  for (const l of h.lines) {
    const kind = l[0] as Line['kind'];
    if (kind !== ' ' && kind !== '-' && kind !== '+') continue; // "\ No newline at end of file"
    list.push({ kind, text: l.slice(1).replace(/\n$/, ''), old: kind === '+' ? undefined : o++, new: kind === '-' ? undefined : n++ });
  }
  for (let i = 0; i < list.length; ) {
    let m = i;
    while (m < list.length && list[m].kind === '-') m++;
    let p = m;
    while (p < list.length && list[p].kind === '+') p++;
    if (m - i === p - m) {
      for (let k = 0; i + k < m; k++) {
        list[i + k].peer = list[m + k].text;
        list[m + k].peer = list[i + k].text;
      }
    }
    i = Math.max(p, i + 1);
  }
  return list;
}

function One({ hunk }: { hunk: Hunk }) {
  return (
    <>
      {numbered(hunk).map((l, i) => (
        <tr key={i} class={kinds[l.kind]}>
          <td class="no">{l.old}</td>
          <td class="no">{l.new}</td>
          <Text line={l} />
        </tr>
      ))}
    </>
  );
}

function Two({ hunk }: { hunk: Hunk }) {
  const list = numbered(hunk);
  const pairs: [Line | undefined, Line | undefined][] = [];
  for (let i = 0; i < list.length; ) {
    if (list[i].kind === ' ') {
      pairs.push([list[i], list[i++]]);
      continue;
    }
    const minus: Line[] = [];
    const plus: Line[] = [];
    while (i < list.length && list[i].kind === '-') minus.push(list[i++]);
    while (i < list.length && list[i].kind === '+') plus.push(list[i++]);
    for (let k = 0; k < Math.max(minus.length, plus.length); k++) pairs.push([minus[k], plus[k]]);
  }
  return (
    <>
      {pairs.map(([a, b], i) => (
        <tr key={i}>
          <td class={`no ${a ? kinds[a.kind] : ''}`}>{a?.old}</td>
          {a ? <Text line={a} /> : <td class="void" />}
          <td class={`no ${b ? kinds[b.kind] : ''}`}>{b?.new}</td>
          {b ? <Text line={b} /> : <td class="void" />}
        </tr>
      ))}
    </>
  );
}

const kinds = { ' ': 'same', '-': 'minus', '+': 'plus' };

/** A line of text, with what differs from its peer marked where most of it is the same. */
function Text({ line }: { line: Line }) {
  const { text, peer, kind } = line;
  if (peer === undefined) return <td class={`text ${kinds[kind]}`} data-mark={kind}>{text || '\u200b'}</td>;
  let a = 0;
  const most = Math.min(text.length, peer.length);
  while (a < most && text[a] === peer[a]) a++;
  let z = 0;
  while (z < most - a && text[text.length - 1 - z] === peer[peer.length - 1 - z]) z++;
  const whole = a + z < 3;
  return (
    <td class={`text ${kinds[kind]}`} data-mark={kind}>
      {whole ? text : <>{text.slice(0, a)}<b>{text.slice(a, text.length - z)}</b>{text.slice(text.length - z)}</>}
    </td>
  );
}
