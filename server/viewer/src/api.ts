// How the page speaks with its daemon: persisted operations by POST, subscriptions over a WebSocket, and the login that both
// need. server/login.go says why a session has two halves; the key is this page's.
import { signal } from '@preact/signals';
import { createClient } from 'graphql-ws';

const KEY = 'jitos-key';

/** Whether the daemon takes us, and whether we hear from it. */
export const session = signal<'in' | 'out'>('in');
export const online = signal(false);
export const refusal = signal('');

/** Exchanges the ticket of a link for a session, and takes it out of the address before anything else happens. */
export async function login(): Promise<void> {
  const ticket = /^#login=([A-Z0-9]+)$/.exec(location.hash)?.[1];
  if (ticket) {
    history.replaceState(null, '', location.pathname + location.search);
    const answer = await fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ticket }),
    });
    const body = await answer.json();
    if (answer.ok) localStorage.setItem(KEY, body.key);
    else refusal.value = body.errors?.[0]?.message ?? '';
  }
  if (!localStorage.getItem(KEY)) session.value = 'out';
}

const authorization = () => `Bearer ${localStorage.getItem(KEY) ?? ''}`;

const persisted = (hash: string) => ({ persistedQuery: { version: 1, sha256Hash: hash } });

/** Fetches something that only a session may have. */
export async function admitted(input: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(input, { ...init, headers: { ...init.headers, authorization: authorization() } });
  if (answer.status === 401) session.value = 'out';
  return answer;
}

/** Carries out a query or a command. What the server says is wrong is thrown, in its words. */
export async function ask<T>(hash: string, variables: Record<string, unknown> = {}, signal?: AbortSignal): Promise<T> {
  const answer = await admitted('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ variables, extensions: persisted(hash) }),
    signal,
  });
  const body = await answer.json();
  if (body.errors?.length) throw new Error(body.errors[0].message);
  return body.data as T;
}

const client = createClient({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  connectionParams: () => ({ Authorization: authorization() }),
  retryAttempts: Infinity,
  shouldRetry: () => session.value === 'in',
  retryWait: (n) => new Promise((done) => setTimeout(done, Math.min(5000, 250 * 2 ** n))),
  on: {
    connected: () => (online.value = true),
    closed: (event) => {
      online.value = false;
      if ((event as CloseEvent).code === 4403) session.value = 'out';
    },
  },
});

/** Listens to a subscription, through every loss of the connection, until the returned function is called. */
export function hear<T>(hash: string, variables: Record<string, unknown>, next: (data: T) => void, end?: () => void): () => void {
  return client.subscribe<T>(
    { query: '', variables, extensions: persisted(hash) },
    {
      next: (message) => {
        if (message.data) next(message.data as T);
      },
      error: (reason) => {
        console.warn(reason);
        end?.();
      },
      complete: () => end?.(),
    },
  );
}
