// Tasks: what is wanted, the ways to it with their costs and reasons, and the attempts. What waits for a person is decided here.
import { useState } from 'preact/hooks';
import { ask } from './api';
import { AttemptView, EvidenceList } from './attempt';
import { useAnswer } from './commit';
import type { Branch, Candidate, Process, Refusal, Task, Waiting, WhyNot } from './model';
import { at, beat, href, inbox, param, path, snapshot } from './state';
import { moment, nameOf, plural, short, slug, value, who } from './words';
import ANSWER from '../ops/answer.graphql';
import PLAN from '../ops/plan.graphql';
import RUN from '../ops/run.graphql';
import STOP from '../ops/stop.graphql';
import TASK from '../ops/task.graphql';
import TASKS from '../ops/tasks.graphql';

/** Those that a person may want to look at first. */
const order = ['OPEN', 'BY_HAND', 'ELSEWHERE', 'PLANNED', 'DECLARED', 'NO_PLAN', 'EXHAUSTED', 'DONE', 'TRUE', 'WITHDRAWN'];
export const statusWord = (s: string) => s.toLowerCase().replace('_', ' ');

export function TasksView() {
  type Answer = { warp: { unlanded: string[]; tasks: { nodes: Task[]; pageInfo: { hasNextPage: boolean } } } };
  const { data, error } = useAnswer<Answer>(TASKS, { at: snapshot.value }, at.value ? 0 : beat.value);
  const tasks = [...(data?.warp.tasks.nodes ?? [])].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const picked = path.value[1] ?? null;
  return (
    <main class={picked ? 'split narrow open' : 'split narrow'}>
      <nav class="list" aria-label="Tasks">
        {error && <p class="error" role="alert">{error}</p>}
        {data && !tasks.length && <p class="empty">{at.value ? 'There was no task then.' : 'No task yet: `jitos do "INTENT"` declares one.'}</p>}
        <ul>
          {tasks.map((t) => (
            <li key={t.id}>
              <a href={href(`/task/${t.name}`)} aria-current={t.name === picked ? 'true' : undefined}>
                <span>{t.intent}</span>
                <span class={`status ${t.status.toLowerCase()}`}>
                  {!at.value && inbox.value.some((w) => w.task === t.id) ? 'waits for you' : statusWord(t.status)}
                </span>
              </a>
            </li>
          ))}
        </ul>
        {data?.warp.tasks.pageInfo.hasNextPage && <p class="empty">The first hundred; `jitos task list` has all.</p>}
        {data && data.warp.unlanded.length > 0 && <p class="note">{plural(data.warp.unlanded.length, 'file')} to land: <code>jitos land</code></p>}
      </nav>
      {picked ? <TaskPane key={picked} name={picked} /> : <aside class="pane hint"><p>Select a task.</p></aside>}
    </main>
  );
}

function TaskPane({ name }: { name: string }) {
  const { data, error } = useAnswer<{ warp: { task: Task | null } }>(TASK, { at: snapshot.value, id: name }, at.value ? 0 : beat.value);
  const t = data?.warp.task;
  return (
    <section class="pane task" aria-label="Task">
      <a class="close" href={href('/task')} aria-label="Close">×</a>
      {error && <p class="error" role="alert">{error}</p>}
      {data && !t && <p class="empty">{at.value ? 'This task was not declared yet.' : `There is no task ${name}.`}</p>}
      {t && <TaskBody t={t} />}
    </section>
  );
}

function TaskBody({ t }: { t: Task }) {
  const picked = param('attempt');
  const process = t.processes.find((p) => p.name === picked) ?? t.processes.at(-1);
  const waiting = at.value ? [] : inbox.value.filter((w) => w.task === t.id);
  return (
    <>
      <header class="head">
        <h2>{t.intent}</h2>
        <p class="meta">
          <span class={`status ${t.status.toLowerCase()}`}>{statusWord(t.status)}</span>
          <span>{who(t.actor)}</span>
          {t.setBy && <time dateTime={t.setBy.when}>{moment(t.setBy.when)}</time>}
          {t.matched && <span>understood as <code>{t.matched}</code></span>}
          <a href={href(`/why/task/${t.name}`)}>why</a>
        </p>
        {!at.value && <Commands t={t} />}
      </header>
      {waiting.map((w) => <Question key={w.id} w={w} />)}
      {t.evidence.length > 0 && <EvidenceList evidence={t.evidence} />}
      {t.processes.length > 0 && (
        <section aria-label="Attempts">
          <header class="part tabs">
            <h3>{plural(t.processes.length, 'attempt')}</h3>
            {t.processes.map((p) => (
              <a key={p.id} href={href(null, { attempt: p.name, job: null })} aria-current={p === process ? 'true' : undefined} class={`tab ${p.state.toLowerCase()}`}>
                {p.number} {slug(p.workspace)}
              </a>
            ))}
          </header>
          {process && <AttemptView key={process.id} process={process} />}
        </section>
      )}
      <Candidates t={t} />
    </>
  );
}

/** What may be done about a task. Each is a command, which answers or says why not. */
function Commands({ t }: { t: Task }) {
  const { send, busy, refused } = useCommand();
  const waits = inbox.value.some((w) => w.task === t.id);
  return (
    <div class="commands">
      {['PLANNED', 'DECLARED', 'OPEN', 'EXHAUSTED'].includes(t.status) && !waits && (
        <button class="quiet" disabled={busy} onClick={() => send(RUN, { task: t.id })}>{t.status === 'OPEN' ? 'Resume' : 'Run'}</button>
      )}
      {t.status === 'OPEN' && !waits && <button class="quiet" disabled={busy} onClick={() => send(STOP, { task: t.id })}>Stop</button>}
      {['DECLARED', 'NO_PLAN', 'EXHAUSTED'].includes(t.status) && (
        <button class="quiet" disabled={busy} onClick={() => send(PLAN, { task: t.id })}>Plan</button>
      )}
      {refused && <Refused r={refused} />}
    </div>
  );
}

function useCommand() {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);
  const send = async (hash: string, variables: Record<string, unknown>): Promise<boolean> => {
    setBusy(true);
    setRefused(null);
    try {
      const answer = Object.values(await ask<Record<string, Refusal>>(hash, variables))[0];
      if (answer.code) setRefused(answer);
      return !answer.code;
    } catch (e) {
      setRefused({ message: (e as Error).message });
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { send, busy, refused };
}

function Refused({ r }: { r: Refusal }) {
  return <p class="error" role="alert">{r.message}{r.hint && <span class="meta">{r.hint}</span>}</p>;
}

/** A question that waits. After the answer the task goes on. */
function Question({ w }: { w: Waiting }) {
  const { send, busy, refused } = useCommand();
  const [text, setText] = useState('');
  const decide = async (decision: string) => {
    const ok = await send(ANSWER, { question: w.id, decision, text: text || null });
    if (ok) await send(RUN, { task: w.task });
  };
  const words = w.about === 'TEXT';
  return (
    <section class="question" aria-label="Waits for you">
      <h3>{w.why}</h3>
      {w.paths.length > 0 && <p class="meta">{w.paths.map((p) => <code key={p}>{p}</code>)}</p>}
      <p class="meta">
        <span>{nameOf(w.process)}{w.step && `, ${w.step}`}</span>
        {!words && <span>holds for files <code>{short(w.tree)}</code> alone</span>}
        {w.by.length > 0 && <span>by {w.by.join(', ')}</span>}
        {w.until && <span>until {moment(w.until)}</span>}
      </p>
      <textarea rows={2} value={text} onInput={(e) => setText(e.currentTarget.value)} aria-label={words ? 'Answer' : 'Remark'} placeholder={words ? 'Answer' : 'Remark; a reason to reject'} />
      <div class="commands">
        {words && <button class="primary" disabled={busy || !text.trim()} onClick={() => decide('ANSWERED')}>Answer</button>}
        {!words && <button class="primary" disabled={busy} onClick={() => decide('APPROVED')}>{w.about === 'OUTCOME' ? 'Run it again' : 'Approve'}</button>}
        {w.about === 'OUTCOME' && <button class="quiet" disabled={busy} onClick={() => decide('ANSWERED')}>Take it for done</button>}
        <button class="quiet" disabled={busy || !text.trim()} onClick={() => decide('REJECTED')}>Reject</button>
        {refused && <Refused r={refused} />}
      </div>
    </section>
  );
}

/** The ways to the goal: those that the planner found, best first, and those that it did not take. */
function Candidates({ t }: { t: Task }) {
  const unused = new Map<string, WhyNot[]>();
  for (const w of t.planning?.whyNot ?? []) unused.set(w.task, [...(unused.get(w.task) ?? []), w]);
  return (
    <section aria-label="Plans">
      <header class="part">
        <h3>{plural(t.candidates.length, 'plan')}</h3>
        {t.planning && (
          <span class="meta">
            {t.planning.planner}, {plural(t.planning.expanded, 'search node')}{t.planning.truncated && ', cut off'}
            {t.planning.bound !== null && `, none costs less than ${t.planning.bound}`}
          </span>
        )}
      </header>
      {t.candidates.map((c) => <CandidateView key={c.id} c={c} attempts={t.processes.filter((p) => p.candidate?.id === c.id)} open={t.candidates.length === 1} />)}
      {[...unused].map(([task, list]) => (
        <details key={task} class="unused" open={list.length <= 3}>
          <summary>{plural(list.length, 'method')} of <code>{task}</code> not used</summary>
          <ul>
            {list.map((w) => (
              <li key={w.method + w.condition}>
                <code>{w.method}</code> {w.reason}
                {w.condition && <p class="meta"><code>{w.condition}</code></p>}
                {w.nearest?.length > 0 && <p class="meta">nearest: {w.nearest.map((n) => <code key={n}>{n}</code>)}</p>}
              </li>
            ))}
          </ul>
        </details>
      ))}
    </section>
  );
}

const ends = { OPEN: 'under way', COLLAPSED: 'collapsed', DISCARDED: 'discarded' };

function CandidateView({ c, attempts, open }: { c: Candidate; attempts: Process[]; open: boolean }) {
  const last = attempts.at(-1);
  return (
    <details class={`candidate ${last?.state.toLowerCase() ?? 'untried'}`} open={open || last?.state === 'OPEN'}>
      <summary>
        <span class="title">{c.title}</span>
        {c.by !== 'planner' && <span class="meta">by {who(c.by)}</span>}
        <span class={`status ${last?.state.toLowerCase() ?? ''}`}>{last ? ends[last.state] : 'not tried'}</span>
        <span class="cost">cost {c.cost}</span>
      </summary>
      {last?.reason && <p class="reason">{last.reason}</p>}
      {c.parent && <p class="meta">revises {nameOf(c.parent)}{c.keeps.length > 0 && `, keeps ${c.keeps.join(', ')}`}</p>}
      {c.decomposition ? <ul class="tree"><BranchView b={c.decomposition} steps={c} /></ul> : <ul class="tree">{c.steps.map((s) => <StepView key={s.name} c={c} name={s.name} />)}</ul>}
    </details>
  );
}

function BranchView({ b, steps }: { b: Branch; steps: Candidate }) {
  return (
    <li>
      <code class="goal">{b.task}</code>
      {b.args && Object.keys(b.args).length > 0 && <span class="meta"> {Object.entries(b.args).map(([k, v]) => `${k} ${value(v)}`).join(', ')}</span>}
      {' '}by <code>{b.method}</code>
      {b.because && b.because.length > 0 && <ul class="because" aria-label="Because">{b.because.map((r) => <li key={r}>{r}</li>)}</ul>}
      <ul>
        {b.tasks?.map((s, i) => <BranchView key={i} b={s} steps={steps} />)}
        {b.steps?.map((s) => <StepView key={s} c={steps} name={s} />)}
      </ul>
    </li>
  );
}

function StepView({ c, name }: { c: Candidate; name: string }) {
  const s = c.steps.find((o) => o.name === name || o.name.endsWith(`.${name}`));
  return (
    <li class="step">
      <b>{name}</b> {s?.title} {s && <span class="meta">{s.worker}{s.run && <> <code>{s.run}</code></>}{s.after.length > 0 && `, after ${s.after.join(', ')}`}</span>}
    </li>
  );
}

/** Goes to what waits first. */
export const waitingLink = () => href(`/task/${nameOf(inbox.value[0].task)}`);
