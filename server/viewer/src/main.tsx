// The page: the bar at its top, the view that the path names, and time at its foot.
import { render, type ComponentType } from 'preact';
import { login, online, refusal, session } from './api';
import { toggleSplit } from './diff';
import { GraphView } from './graph';
import { LanesView, select } from './lanes';
import { play, Scrubber, stop } from './scrubber';
import { at, branch, failure, follow, go, href, inbox, load, look, path, rows, step } from './state';
import { TasksView, waitingLink } from './tasks';
import { WhyView } from './why';
import './style.css';

interface View {
  name: string;
  path: string;
  show: ComponentType;
}

const views: View[] = [
  { name: 'Lanes', path: '/', show: LanesView },
  { name: 'Tasks', path: '/task', show: TasksView },
  { name: 'Graph', path: '/graph', show: GraphView },
  { name: 'Why', path: '/why', show: WhyView },
];

const view = () => views.find((v) => v.path.slice(1) === (path.value[0] ?? '')) ?? views[0];

function Page() {
  if (session.value === 'out') return <Locked />;
  const current = view();
  const Show = current.show;
  document.title = `${current.name}${branch.value ? ` · ${branch.value}` : ''} · jitos`;
  return (
    <>
      <header class="bar">
        <h1 class="brand"><a href="/">jitos</a></h1>
        <nav aria-label="Views">
          {views.map((v) => <a key={v.path} href={href(v.path)} aria-current={v === current ? 'page' : undefined}>{v.name}</a>)}
        </nav>
        <span class="space" />
        {inbox.value.length > 0 && <a class="waiting" href={waitingLink()}>{inbox.value.length} waiting</a>}
        {branch.value && <span class="branch" title="The branch that the fabric follows">{branch.value}</span>}
        <span class={`state ${at.value ? 'past' : online.value ? 'live' : 'off'}`} role="status">
          <i key={rows.value[0]?.commit.id} />
          {at.value ? 'past' : online.value ? 'live' : 'connecting'}
        </span>
      </header>
      {failure.value && <p class="error" role="alert">{failure.value}</p>}
      <Show />
      <Scrubber />
    </>
  );
}

function Locked() {
  return (
    <main class="locked">
      <h1>jitos</h1>
      <p>{refusal.value || 'This page needs a link that lets it in.'}</p>
      <p>In the repository, run <code>jitos view</code>.</p>
    </main>
  );
}

const keys: Record<string, () => void> = {
  j: () => select(1),
  k: () => select(-1),
  ArrowDown: () => select(1),
  ArrowUp: () => select(-1),
  '[': () => step(1),
  ']': () => step(-1),
  l: () => { stop(); look(null); },
  p: play,
  s: toggleSplit,
  Escape: () => go(null, { commit: null, node: null }),
};

addEventListener('keydown', (e) => {
  const target = e.target as HTMLElement;
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
  const v = views[Number(e.key) - 1];
  const act = v ? () => go(v.path) : keys[e.key];
  if (!act) return;
  if (e.key.startsWith('Arrow') && !(target === document.body || target.closest('.lanes'))) return;
  e.preventDefault();
  act();
});

await login();
render(<Page />, document.body);
if (session.value === 'in') {
  await load();
  follow();
}
