// One attempt: its jobs as a timeline by worker, and what the job that is selected did, says and found.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { hear } from './api';
import { useAnswer } from './commit';
import type { Evidence, Job, Process, Report, Try, Verdict } from './model';
import { beat, go, param, snapshot } from './state';
import { timeline, type Bar } from './timeline';
import { plural, short, took } from './words';
import OUTPUT from '../ops/output.graphql';
import SAY from '../ops/say.graphql';

const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 500);

export const verdicts: Record<Verdict, string> = { PASS: 'passed', FAIL: 'failed', COULD_NOT_RUN: 'could not run' };

const stateOf = (t: Try | undefined, open: boolean) =>
  !t ? 'pending' : t.settlement ? (t.settlement.stale ? 'stale' : t.settlement.verdict.toLowerCase()) : open ? 'running' : 'interrupted';

export function AttemptView({ process }: { process: Process }) {
  const open = process.state === 'OPEN';
  const picked = param('job');
  const job = process.jobs.find((j) => j.name === picked) ?? telling(process.jobs);
  return (
    <div class="attempt">
      {process.reason && <p class="reason">{process.reason}</p>}
      {process.jobs.length ? <Chart jobs={process.jobs} open={open} picked={job?.name} /> : <p class="empty">Its work is not in this clone.</p>}
      {job && <JobView key={job.id} job={job} process={process} />}
      {process.findings.length > 0 && (
        <ul class="findings" aria-label="What it found out">
          {process.findings.map((f) => <li key={f.id}><span class="tag">{f.about}</span> {f.text}</li>)}
        </ul>
      )}
      {process.conflicts.length > 0 && (
        <ul class="findings" aria-label="Conflicts">
          {process.conflicts.map((c, i) => <li key={i}><span class="tag bad">conflict</span> <code>{c.path ?? c.item}</code> {c.why}</li>)}
        </ul>
      )}
      {process.evidence.length > 0 && <EvidenceList evidence={process.evidence} />}
      {process.grants.length > 0 && <p class="meta">may <code>{process.grants.join(' ')}</code></p>}
    </div>
  );
}

/** The job to look at first: one that runs, else one that failed, else the one that took longest. */
function telling(jobs: Job[]): Job | undefined {
  const tried = jobs.filter((j) => j.tries.length);
  const weight = (j: Job) => {
    const s = j.tries.at(-1)!.settlement;
    return !s ? Infinity : s.millis + (s.verdict === 'PASS' ? 0 : 1e12);
  };
  return tried.sort((a, b) => weight(b) - weight(a))[0];
}

const LINE = 24;

function Chart({ jobs, open, picked }: { jobs: Job[]; open: boolean; picked?: string }) {
  const t = timeline(jobs, open ? now.value : 0);
  const pending = jobs.filter((j) => !j.tries.length);
  let y = 0;
  const tops = new Map(t.workers.map((w) => {
    const top = y;
    y += w.slots * LINE + 6;
    return [w.name, top];
  }));
  const at = (b: Bar) => ({ left: 100 * t.place(b.begin), right: 100 * t.place(b.end ?? t.total), top: tops.get(b.worker)! + b.slot * LINE });
  const lastOf = new Map<string, Bar>();
  for (const b of t.bars) lastOf.set(b.job.name, b);
  return (
    <section class="chart" aria-label="Timeline by worker">
      <div class="workers">
        {t.workers.map((w) => <div key={w.name} style={{ height: `${w.slots * LINE + 6}px` }}>{w.name}</div>)}
      </div>
      <div class="bars" style={{ height: `${y}px` }}>
        <svg class="deps" width="100%" height={y} viewBox={`0 0 100 ${y}`} preserveAspectRatio="none" aria-hidden="true">
          {t.bars.filter((b) => b.number === 1).flatMap((b) => b.job.step.after.map((name) => {
            const from = lastOf.get(name);
            if (!from) return null;
            const [p, q] = [at(from), at(b)];
            const [y0, y1] = [p.top + LINE / 2, q.top + LINE / 2];
            return y0 === y1 ? null : <path key={`${name}>${b.job.name}`} d={`M${p.right} ${y0}V${y1}H${q.left}`} />;
          }))}
        </svg>
        {t.gaps.map((g) => (
          <span key={g.from} class="gap" style={{ left: `${100 * g.from}%`, width: `${100 * (g.to - g.from)}%` }}>{took(g.ms)}</span>
        ))}
        {t.bars.map((b) => {
          const { left, right, top } = at(b);
          const state = stateOf(b.attempt, open);
          const word = b.attempt.settlement ? (b.attempt.settlement.from ? 'reused' : took(b.attempt.settlement.millis)) : state;
          return (
            <button
              key={b.attempt.id}
              class={`bar-job ${state}`}
              aria-pressed={b.job.name === picked}
              aria-label={`${b.job.name}${b.number > 1 ? ` ×${b.number}` : ''} ${word}, ${b.worker}, ${state === 'pass' ? 'passed' : state.replaceAll('_', ' ')}`}
              title={`${b.job.step.title || b.job.name} · ${word}`}
              style={{ left: `${left}%`, width: `max(7px, ${right - left}%)`, top: `${top}px` }}
              onClick={() => go(null, { job: b.job.name }, true)}
            >
              <span style={right > 70 ? { right: right - left > 18 ? '6px' : 'calc(100% + 6px)' } : { left: right - left > 18 ? '6px' : 'calc(100% + 6px)' }}>
                {b.job.name}{b.number > 1 && ` ×${b.number}`} <i>{word}</i>
              </span>
            </button>
          );
        })}
      </div>
      {pending.length > 0 && <p class="later">{open ? 'then' : 'never ran:'} {pending.map((j) => j.name).join(', ')}</p>}
    </section>
  );
}

function JobView({ job, process }: { job: Job; process: Process }) {
  const last = job.tries.at(-1);
  const s = last?.settlement;
  const running = process.state === 'OPEN' && last && !s;
  return (
    <section class="job" aria-label={`Job ${job.name}`}>
      <header class="part">
        <h3>{job.step.title || job.name}</h3>
        <span class={`verdict ${stateOf(last, process.state === 'OPEN')}`}>{s ? (s.stale ? 'stale' : verdicts[s.verdict]) : running ? 'running' : 'not run'}</span>
        {s && <span class="meta">{s.from ? `by an earlier result` : took(s.millis)}{s.exit !== 0 && ` · exit ${s.exit}`}{job.tries.length > 1 && ` · ${plural(job.tries.length, 'try', 'tries')}`}</span>}
      </header>
      {job.step.run && <pre class="command">{job.step.run}</pre>}
      {s?.reason && <p class="reason">{s.reason}</p>}
      {s?.report && <ReportLine report={s.report} />}
      {s && s.paths?.length > 0 && <p class="meta">changed {s.paths.map((p) => <code key={p}>{p}</code>)}</p>}
      {running ? <Live job={job} /> : <Settled job={job} process={process} />}
    </section>
  );
}

/** What a running job prints, as it prints it. */
function Live({ job }: { job: Job }) {
  const [lines, setLines] = useState<string[]>([]);
  useEffect(() => hear<{ output: string }>(SAY, { job: job.id }, (d) => setLines((l) => [...l.slice(-400), d.output])), [job.id]);
  return <pre class="output live" aria-live="polite" tabIndex={0} aria-label="Output">{lines.length ? lines.join('\n') : 'nothing was printed since this page looks'}</pre>;
}

function Settled({ job, process }: { job: Job; process: Process }) {
  type Answer = { warp: { node: { jobs: { id: string; tries: { id: string; settlement: { output: string } | null }[] }[] } | null } };
  const { data } = useAnswer<Answer>(OUTPUT, { at: snapshot.value, process: process.id }, process.state === 'OPEN' ? beat.value : 0);
  const tries = data?.warp.node?.jobs.find((j) => j.id === job.id)?.tries ?? [];
  const shown = tries.filter((t) => t.settlement?.output);
  return (
    <>
      {shown.map((t, i) => (
        <pre key={t.id} class="output" tabIndex={0} aria-label={shown.length > 1 ? `Output of try ${i + 1}` : 'Output'}>{t.settlement!.output.replace(/\n$/, '')}</pre>
      ))}
    </>
  );
}

export function ReportLine({ report }: { report: Report }) {
  return (
    <div class="report">
      <span class="good">{report.passed} passed</span>
      {report.failed.length > 0 && <span class="bad">{report.failed.length} failed</span>}
      {report.skipped.length > 0 && <span>{report.skipped.length} skipped</span>}
      {report.failed.slice(0, 8).map((name) => <code key={name} class="bad">{name}</code>)}
    </div>
  );
}

export function EvidenceList({ evidence }: { evidence: Evidence[] }) {
  return (
    <ul class="evidence" aria-label="Evidence">
      {evidence.map((e) => (
        <li key={e.id}>
          <span class={`verdict ${e.verdict.toLowerCase()}`}>{verdicts[e.verdict]}</span> <b>{e.gate}</b>
          {e.tree && <> on files <code>{short(e.tree)}</code></>} <span class="meta">{took(e.millis)}</span>
          {e.reason && <> · {e.reason}</>}
          {e.report && <ReportLine report={e.report} />}
        </li>
      ))}
    </ul>
  );
}

