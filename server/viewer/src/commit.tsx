// What one rewrite did: who, for what, and the difference that it made.
import { useEffect, useState } from 'preact/hooks';
import { ask } from './api';
import { DiffView } from './diff';
import type { Commit, Diff } from './model';
import { go, href, look } from './state';
import { moment, nameOf, short, who } from './words';
import COMMIT from '../ops/commit.graphql';

type Full = Commit & { tree: string; body: string; diff: Diff };

/** Asks again whenever what is asked for changes; what is old stays until the new is there. */
export function useAnswer<T>(hash: string, variables: Record<string, unknown>, ...also: unknown[]): { data?: T; error?: string } {
  const [state, setState] = useState<{ data?: T; error?: string }>({});
  useEffect(() => {
    const stop = new AbortController();
    ask<T>(hash, variables, stop.signal).then(
      (data) => setState({ data }),
      (e: Error) => stop.signal.aborted || setState((s) => ({ ...s, error: e.message })),
    );
    return () => stop.abort();
  }, [hash, JSON.stringify(variables), ...also]);
  return state;
}

export function CommitPane({ id }: { id: string }) {
  const { data, error } = useAnswer<{ commit: Full | null }>(COMMIT, { id });
  const c = data?.commit;
  const close = () => go(null, { commit: null });
  return (
    <aside class="pane" aria-label="Rewrite">
      <button class="close" aria-label="Close" onClick={close}>×</button>
      {error && <p class="error" role="alert">{error}</p>}
      {data && !c && <p class="empty">This clone has no commit {id}.</p>}
      {c && (
        <article key={c.id}>
          <header class="head">
            <h2><span class={`rule rule-${c.rule ?? 'commit'}`}>{c.rule ?? 'commit'}</span> {c.subject}</h2>
            <p class="meta">
              <button class="hash" title="Copy the id" onClick={() => void navigator.clipboard.writeText(c.id)}><code>{short(c.id)}</code></button>
              {c.seq !== null && <span>#{c.seq}</span>}
              <span>{who(c.author)}</span>
              <time dateTime={c.when}>{moment(c.when)}</time>
            </p>
            <p class="meta">
              {c.task && <a href={href(`/task/${nameOf(c.task)}`)}>{nameOf(c.task)}</a>}
              <a href={href(`/why/${short(c.id)}`)}>why</a>
              <button class="link" onClick={() => look(c.id)}>look at this moment</button>
            </p>
            {body(c.body) && <p class="body">{body(c.body)}</p>}
          </header>
          <DiffView diff={c.diff} />
        </article>
      )}
    </aside>
  );
}

/** The message without what is shown elsewhere. */
const body = (text: string) => text.split('\n').filter((l) => !/^Jitos-[A-Z][a-z]+: /.test(l)).join('\n').trim();
