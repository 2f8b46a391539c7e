// Subscribes by npm graphql-ws: node subscribe.mjs URL TOKEN COUNT [AFTER]. URL is ws://… or ws+unix:PATH:/graphql. Prints
// "ready", then the ids of COUNT rewrites.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, count, after] = process.argv.slice(2);
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: token ? { Authorization: `Bearer ${token}` } : {},
  retryAttempts: 0,
});
client.on('connected', () => console.log('ready'));
const query = 'subscription ($after: ID) { rewrites(after: $after) { id seq subject } }';
let seen = 0;
for await (const event of client.iterate({ query, variables: { after } })) {
  if (event.errors) throw new Error(JSON.stringify(event.errors));
  console.log(event.data.rewrites.id);
  if (++seen === Number(count)) break;
}
await client.dispose();
