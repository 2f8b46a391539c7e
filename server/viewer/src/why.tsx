// Why something is as it is: from a line of a file, a node or a rewrite back to the job, the plan, the task and the evidence, with
// the difference that each step made.
import { useEffect, useState } from 'preact/hooks';
import { EvidenceList, ReportLine, verdicts } from './attempt';
import { useAnswer } from './commit';
import { DiffView, long } from './diff';
import type { Commit, Diff, Evidence, Report, Step, Verdict } from './model';
import { go, href, param, path, snapshot } from './state';
import { moment, short, took, value, who } from './words';
import COMMIT from '../ops/commit.graphql';
import FILES from '../ops/files.graphql';
import LINES from '../ops/lines.graphql';
import WHY_COMMIT from '../ops/why-commit.graphql';
import WHY_FIELD from '../ops/why-field.graphql';
import WHY_NODE from '../ops/why-node.graphql';

type Short = Pick<Commit, 'id' | 'seq' | 'rule' | 'subject' | 'author' | 'when'>;

interface Way {
  commit: Short | null;
  settlement: { verdict: Verdict; exit: number; reason: string | null; millis: number; from: string | null; paths: string[]; report: Report | null } | null;
  job: string | null;
  step: Step | null;
  process: { id: string; name: string; number: number; state: string; workspace: string; actor: string; grants: string[]; reason: string | null } | null;
  candidate: { id: string; name: string; title: string; cost: number; by: string; setBy: { id: string } | null } | null;
  methods: string[];
  task: { id: string; name: string; intent: string; status: string; actor: string; setBy: { id: string; when: string } | null } | null;
  collapse: { id: string; seq: number; subject: string; when: string } | null;
  evidence: Evidence[];
  findings: { id: string; about: string; text: string }[];
}

export function WhyView() {
  const [, first, ...rest] = path.value;
  const file = param('file');
  const line = Number(param('line')) || null;
  const id = first ? [first, ...rest].join('/') : null;
  return (
    <main class={id || line ? 'split why open' : 'split why'}>
      <section class="source" aria-label="File">
        <Picker file={file} />
        {file && <Source key={file} file={file} line={line} />}
      </section>
      {id?.includes('/') ? <NodeWay id={id} /> : id ? <CommitWay id={id} /> : <aside class="pane hint"><p>{file ? 'Select a line.' : 'Select a file, and a line of it.'}</p></aside>}
    </main>
  );
}

function Picker({ file }: { file: string | null }) {
  const [text, setText] = useState('');
  const pattern = text ? `**/*${text.replace(/[^\w./-]/g, '')}*` : '**';
  const { data } = useAnswer<{ warp: { files: string[] } }>(FILES, { at: snapshot.value, pattern });
  const files = data?.warp.files ?? [];
  return (
    <div class="controls">
      <input type="search" aria-label="Find a file" placeholder={file ?? 'Find a file'} value={text} onInput={(e) => setText(e.currentTarget.value)} />
      {(!file || text) && (
        <ul class="files" aria-label="Files">
          {files.map((f) => <li key={f}><a href={href('/why', { file: f, line: null })} onClick={() => setText('')}>{f}</a></li>)}
          {data && !files.length && <li class="empty">No file is named so.</li>}
        </ul>
      )}
    </div>
  );
}

/** A file, each line with the rewrite since which it is so. */
function Source({ file, line }: { file: string; line: number | null }) {
  type Answer = { warp: { lines: { number: number; text: string; commit: Short }[] | null } };
  const [from, setFrom] = useState(line ? Math.max(1, line - 100) : 1);
  const { data, error } = useAnswer<Answer>(LINES, { at: snapshot.value, path: file, from });
  const lines = data?.warp.lines;
  useEffect(() => document.querySelector('.lines [aria-current]')?.scrollIntoView({ block: 'nearest' }), [lines]);
  if (error) return <p class="error" role="alert">{error}</p>;
  if (!data) return null;
  if (!lines) return <p class="empty pad">There was no such file then.</p>;
  return (
    <>
      <h2 class="filename"><code>{file}</code></h2>
      {from > 1 && <button class="quiet pad" onClick={() => setFrom(Math.max(1, from - 200))}>earlier lines</button>}
      <ol class="lines" aria-label={`Lines of ${file}`}>
        {lines.map((l, i) => {
          const again = i > 0 && lines[i - 1].commit.id === l.commit.id;
          return (
            <li key={l.number}>
              <a
                href={href(`/why/${short(l.commit.id)}`, { file, line: String(l.number) })}
                aria-current={l.number === line ? 'true' : undefined}
                title={`${l.commit.rule ?? 'commit'}: ${l.commit.subject}\n${who(l.commit.author)}, ${moment(l.commit.when)}`}
              >
                <span class={`since ${l.commit.rule ? '' : 'yours'}`}>{again ? '' : (l.commit.rule ?? who(l.commit.author))}</span>
                <span class="no">{l.number}</span>
                <span class="text">{l.text || ' '}</span>
              </a>
            </li>
          );
        })}
      </ol>
      {lines.length === 200 && <button class="quiet pad" onClick={() => setFrom(from + 200)}>later lines</button>}
    </>
  );
}

function CommitWay({ id }: { id: string }) {
  const { data, error } = useAnswer<{ commit: (Short & { body: string; why: Way | null }) | null }>(WHY_COMMIT, { id });
  const c = data?.commit;
  return (
    <Pane error={error} missing={data && !c ? `This clone has no commit ${id}.` : undefined}>
      {c && (
        <ol class="way">
          <Made what={c.rule ? 'rewrite' : 'commit'} c={c} />
          {c.why ? <WaySteps w={c.why} /> : <li><b>yours</b><div>{who(c.author)} committed it; it is not jitos's work.</div></li>}
        </ol>
      )}
    </Pane>
  );
}

function NodeWay({ id }: { id: string }) {
  type Answer = { warp: { node: { id: string; fields: Record<string, unknown>; setBy: Short | null; why: Way } | null } };
  const { data, error } = useAnswer<Answer>(WHY_NODE, { at: snapshot.value, id });
  const n = data?.warp.node;
  const field = param('field');
  return (
    <Pane error={error} missing={data && !n ? `There is no node ${id} at this moment.` : undefined}>
      {n && (
        <ol class="way">
          <li>
            <b>node</b>
            <div>
              <code>{n.id}</code>
              <dl class="fields">
                {Object.entries(n.fields ?? {}).map(([k, v]) => (
                  <div key={k}>
                    <dt><a href={href(`/why/${id}`, { field: k === field ? null : k })} aria-current={k === field ? 'true' : undefined}>{k}</a></dt>
                    <dd tabIndex={long(v) ? 0 : undefined}>{value(v)}</dd>
                  </div>
                ))}
              </dl>
            </div>
          </li>
          {field ? <FieldSteps id={id} field={field} /> : (
            <>
              {n.setBy && <Made what="rewrite" c={n.setBy} />}
              <WaySteps w={n.why} />
            </>
          )}
        </ol>
      )}
    </Pane>
  );
}

/** The way from one field of a node: from the rewrite since which it is what it is. */
function FieldSteps({ id, field }: { id: string; field: string }) {
  const { data, error } = useAnswer<{ warp: { since: (Short & { why: Way | null }) | null } }>(WHY_FIELD, { at: snapshot.value, id, field });
  const c = data?.warp.since;
  if (error) return <li><p class="error" role="alert">{error}</p></li>;
  if (data && !c) return <li><b>{field}</b><div>No rewrite of the system line is known to have made it what it is.</div></li>;
  if (!c) return null;
  return (
    <>
      <Made what={`${field} since`} c={c} />
      {c.why && <WaySteps w={c.why} />}
    </>
  );
}

function Pane({ error, missing, children }: { error?: string; missing?: string; children: preact.ComponentChildren }) {
  return (
    <aside class="pane" aria-label="Why">
      <button class="close" aria-label="Close" onClick={() => go('/why', { file: param('file') })}>×</button>
      {error && <p class="error" role="alert">{error}</p>}
      {missing && <p class="empty">{missing}</p>}
      {children}
    </aside>
  );
}

function WaySteps({ w }: { w: Way }) {
  const s = w.settlement;
  return (
    <>
      {w.step && (
        <li>
          <b>job</b>
          <div>
            {w.step.title || w.step.name} {s && <span class={`verdict ${s.verdict.toLowerCase()}`}>{verdicts[s.verdict]}</span>} {s && <span class="meta">{s.from ? 'by an earlier result' : took(s.millis)}</span>}
            {w.step.run && <pre class="command">{w.step.run}</pre>}
            {s?.reason && <p class="reason">{s.reason}</p>}
            {s?.report && <ReportLine report={s.report} />}
          </div>
        </li>
      )}
      {w.step && <li><b>worker</b><div>{w.step.worker}{w.step.needs.length > 0 && <span class="meta"> needs {w.step.needs.map((n) => <code key={n}>{n}</code>)}</span>}</div></li>}
      {w.process && (
        <li>
          <b>attempt</b>
          <div>
            <a href={href(w.task ? `/task/${w.task.name}` : null, { attempt: w.process.name })}>{w.process.name}</a>{' '}
            <span class={`status ${w.process.state.toLowerCase()}`}>{w.process.state.toLowerCase()}</span>
            {w.process.reason && <p class="reason">{w.process.reason}</p>}
            {w.process.grants.length > 0 && <p class="meta">may {w.process.grants.map((g) => <code key={g}>{g}</code>)}</p>}
          </div>
        </li>
      )}
      {w.findings.length > 0 && <li><b>found out</b><ul>{w.findings.map((f) => <li key={f.id}><span class="tag">{f.about}</span>{f.text}</li>)}</ul></li>}
      {w.candidate && (
        <li>
          <b>plan</b>
          <div>
            {w.candidate.title} <span class="meta">cost {w.candidate.cost}, by {who(w.candidate.by)}</span>
            {w.methods.length > 0 && <p class="meta">{w.methods.map((m, i) => <span key={i}>{i > 0 && '› '}<code>{m}</code></span>)}</p>}
            {w.candidate.setBy && <Difference id={w.candidate.setBy.id} />}
          </div>
        </li>
      )}
      {w.task && (
        <li>
          <b>task</b>
          <div>
            <a href={href(`/task/${w.task.name}`)}>{w.task.intent}</a> <span class={`status ${w.task.status.toLowerCase()}`}>{w.task.status.toLowerCase().replace('_', ' ')}</span>
            <p class="meta"><span>{who(w.task.actor)}</span>{w.task.setBy && <span>{moment(w.task.setBy.when)}</span>}</p>
            {w.task.setBy && <Difference id={w.task.setBy.id} />}
          </div>
        </li>
      )}
      {w.collapse && <Made what="collapse" c={{ ...w.collapse, rule: 'collapse', author: '' }} />}
      {w.evidence.length > 0 && <li><b>evidence</b><EvidenceList evidence={w.evidence} /></li>}
    </>
  );
}

function Made({ what, c }: { what: string; c: Short }) {
  return (
    <li>
      <b>{what}</b>
      <div>
        {what !== c.rule && c.rule && <span class={`rule rule-${c.rule}`}>{c.rule} </span>}{c.subject}
        <p class="meta">
          <a href={href('/', { commit: short(c.id) })}><code>{short(c.id)}</code></a>
          {c.seq != null && <span>#{c.seq}</span>}
          {c.author && <span>{who(c.author)}</span>}
          <span>{moment(c.when)}</span>
        </p>
        <Difference id={c.id} />
      </div>
    </li>
  );
}

/** What a step changed, asked for when it is opened. */
function Difference({ id }: { id: string }) {
  const [shown, setShown] = useState(false);
  return (
    <details class="difference" onToggle={(e) => e.currentTarget.open && setShown(true)}>
      <summary>difference</summary>
      {shown && <Loaded id={id} />}
    </details>
  );
}

function Loaded({ id }: { id: string }) {
  const { data, error } = useAnswer<{ commit: { diff: Diff } | null }>(COMMIT, { id });
  if (error) return <p class="error" role="alert">{error}</p>;
  return data?.commit ? <DiffView diff={data.commit.diff} /> : null;
}

