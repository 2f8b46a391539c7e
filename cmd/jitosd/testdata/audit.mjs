// Runs the audits of npm graphql-http against a server: node audit.mjs URL TOKEN. Prints what is not ok, and the count.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (to, init = {}) => fetch(to, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
let failed = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    failed++;
    console.log(`${result.status}: ${result.id} ${result.name}: ${result.reason}`);
  }
}
console.log(`${audits.length} audits, ${failed} not ok`);
