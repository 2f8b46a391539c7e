// Looks at the viewer in Chromium: node browse.mjs LINK SOCKET SETUP. LINK lets the browser in; SOCKET is a daemon in dev mode
// that does what others do meanwhile. Prints a line for each thing that is as it should be, and ends with 1 at the first that
// is not.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import http from 'node:http';
import { chromium } from 'playwright-core';

const [link, socket, setupText] = process.argv.slice(2);
const setup = JSON.parse(setupText);
const origin = new URL(link).origin;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const must = (ok, what, more = '') => {
  if (!ok) throw new Error(`not ok: ${what} ${more}`);
  console.log(`ok ${what}`);
};

/** An operation by somebody else. */
const graphql = (query, variables) => new Promise((done, fail) => {
  const request = http.request({ socketPath: socket, path: '/graphql', method: 'POST', headers: { 'content-type': 'application/json' } }, (answer) => {
    let text = '';
    answer.on('data', (part) => (text += part));
    answer.on('end', () => {
      const body = JSON.parse(text);
      if (body.errors) fail(new Error(text));
      else done(body.data);
    });
  });
  request.on('error', fail);
  request.end(JSON.stringify({ query, variables }));
});
const run = (id) => graphql('mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }', { id });

const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
if (process.getuid() === 0) args.push('--no-sandbox');
const browser = await chromium.launch({ executablePath: setup.chromium, args });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(30_000);

const foreign = [];
const wrong = [];
context.on('request', (r) => new URL(r.url()).origin === origin || foreign.push(r.url()));
page.on('websocket', (s) => new URL(s.url()).host === new URL(origin).host || foreign.push(s.url()));
page.on('console', (m) => m.type() === 'error' && wrong.push(m.text()));
page.on('pageerror', (e) => wrong.push(e.message));

const shot = async (name) => setup.shots && page.screenshot({ path: `${setup.shots}/${name}.png` });

/** No violation of what axe-core knows, in light and in dark. */
async function accessible(what) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(50);
    const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
    must(!violations.length, `${what}: accessible, ${colorScheme}`, JSON.stringify(violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html + ' ' + n.failureSummary)]), null, 1));
    await shot(`${what}-${colorScheme}`);
  }
}

const stories = {
  async login() {
    await page.goto(link);
    await page.getByRole('option').first().waitFor();
    must(!page.url().includes('login'), 'login: the ticket is out of the address');
    await page.reload();
    await page.getByRole('option').first().waitFor();
    must(true, 'login: the session stays');
    const other = await (await browser.newContext()).newPage();
    await other.goto(link);
    await other.getByText('jitos view', { exact: true }).waitFor();
    must(true, 'login: the link works once');
    await other.context().close();
  },

  async lanes() {
    await page.getByText('live', { exact: true }).first().waitFor();
    const before = await page.getByRole('option').count();
    // Every animation that begins is counted: rows that slide in.
    await page.evaluate(() => {
      const real = Element.prototype.animate;
      window.begun = [];
      Element.prototype.animate = function (...how) {
        const a = real.apply(this, how);
        window.begun.push(a);
        return a;
      };
    });
    await run(setup.fails);
    await page.locator('.rule-discard').first().waitFor();
    must((await page.getByRole('option').count()) > before, 'lanes: rewrites arrive');
    const moved = await page.waitForFunction(() => window.begun.some((a) => a.currentTime > 0 || a.playState === 'finished'));
    must(await moved.jsonValue(), 'lanes: the animation advances');
    must((await page.locator('.strand.given .cross').count()) === 1, 'lanes: a discard ends its lane');
    must(/try: /.test(await page.locator('.row:has(.rule-discard)').first().textContent()), 'lanes: with its reason');
    await accessible('lanes');
  },

  async time() {
    const slider = page.getByRole('slider', { name: 'Moment' });
    await slider.focus();
    const top = await page.getByRole('option').first().textContent();
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowLeft');
    await page.waitForURL(/at=/);
    must((await page.getByRole('option').first().textContent()) !== top, 'time: the page shows what was');
    must(await page.locator('.state.past').isVisible(), 'time: and says so');
    must((await page.locator('.strand.given .cross').count()) === 0, 'time: the lane was open then');
    const then = page.url();
    const fresh = await context.newPage();
    await fresh.goto(then);
    await fresh.locator('.state.past').waitFor();
    must((await fresh.getByRole('option').first().getAttribute('id')) === (await page.getByRole('option').first().getAttribute('id')), 'time: a link leads there');
    await fresh.close();
    await page.getByRole('button', { name: 'go live' }).click();
    await page.locator('.state.live').waitFor();
    must(!page.url().includes('at='), 'time: live again');
  },

  async diff() {
    await run(setup.asks);
    await page.getByRole('link', { name: '1 waiting' }).waitFor();
    await page.locator('.row', { hasText: 'changed 1 file' }).first().click();
    await page.locator('.diff tr.plus').first().waitFor();
    must((await page.locator('.diff tr.plus').count()) === 2, 'diff: the lines of the file');
    must((await page.locator('.items .id').count()) > 0, 'diff: the graph');
    await page.keyboard.press('s');
    await page.locator('.diff.two').waitFor();
    must(true, 'diff: side by side');
    await accessible('diff');
    await page.keyboard.press('s');
    const one = page.url();
    await page.keyboard.press('j');
    await page.waitForFunction((u) => location.href !== u, one);
    must(await page.locator('.row[aria-selected=true]').isVisible(), 'diff: from the keyboard');
    await page.keyboard.press('Escape');
    await page.locator('.pane article').waitFor({ state: 'detached' });
  },

  async task() {
    await page.getByRole('link', { name: '1 waiting' }).click();
    await page.getByRole('heading', { name: 'is the copy good?' }).waitFor();
    must(page.url().includes('/task/copy-the-notes-'), 'task: what waits leads to it');
    must((await page.locator('.bar-job.pass').count()) === 1, 'task: the timeline has what ran');
    await page.locator('.bar-job.pass').click();
    await page.locator('.output', { hasText: 'line 3' }).waitFor();
    must(await page.getByRole('region', { name: 'Plans' }).getByText('cost').first().isVisible(), 'task: plans with their costs');
    await accessible('task');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.locator('.head .status.done').waitFor();
    must((await graphql('{ warp { file(path: "copy.txt") } }')).warp.file === 'one\ntwo\n', 'task: the approval makes it real');
    must((await page.getByRole('link', { name: 'waiting' }).count()) === 0, 'task: nothing waits any more');
    await page.getByRole('list').getByText('do what cannot be done').click();
    await page.locator('.reason', { hasText: 'try: ' }).first().waitFor();
    must(true, 'task: a discarded attempt tells why');
    await page.keyboard.press('1');
    await page.locator('.row .rule-collapse').first().waitFor();
    must(true, 'task: the collapse is among the lanes');
  },

  async output() {
    await page.goto(`${origin}/task/${setup.speaks}`);
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('.output.live', { hasText: /line [0-9]/ }).waitFor();
    must(true, 'output: it is told while the job runs');
    await page.locator('.head .status.done').waitFor();
    await page.getByRole('link', { name: 'Lanes' }).click();
  },

  async graph() {
    await page.getByRole('link', { name: 'Graph' }).click();
    await page.locator('.legend dt', { hasText: 'task' }).waitFor();
    const { warp } = await graphql('{ warp { nodes(kind: "task") { nodes { id } } } }');
    must((await page.locator('.legend div', { hasText: 'task' }).locator('dd').textContent()) === String(warp.nodes.nodes.length), 'graph: its kinds');
    const drawn = () => page.evaluate(() => [...document.querySelectorAll('.sigma canvas')].some((c) => c.width > 0));
    must(await drawn(), 'graph: it is drawn');
    await page.getByRole('searchbox').fill('process copy');
    await page.getByRole('list', { name: 'Found' }).getByRole('link').first().click();
    await page.locator('.node h2', { hasText: 'process/copy-the-notes' }).waitFor();
    await page.locator('.node .fields dt', { hasText: 'sws' }).waitFor();
    must(true, 'graph: a node has its fields');
    must((await page.locator('.node .ties a', { hasText: 'job/write' }).count()) === 1, 'graph: and what it leads to');
    await accessible('graph');
    const endless = await page.evaluate(() => document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations === Infinity).length);
    must(endless === 0, 'graph: a page that stands still is not drawn anew');
    const pointer = await context.newCDPSession(page);
    const tap = async (x, y) => {
      await pointer.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
      await pointer.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    };
    for (const [how, press] of [['click', (x, y) => page.mouse.click(x, y)], ['tap', tap]]) {
      await page.keyboard.press('Escape');
      await page.locator('.node').waitFor({ state: 'detached' });
      await page.waitForTimeout(150); // the picture is as wide as it will be
      const { x, y, width, height } = await page.locator('.sigma').boundingBox();
      await press(x + width / 2, y + height / 2);
      await page.locator('.node h2', { hasText: 'process/copy-the-notes' }).waitFor();
      must(true, `graph: a ${how} opens the node`);
    }
    const before = await (await context.request.get(`${origin}/graph.bin?at=${'0'.repeat(40)}`)).status();
    must(before === 401, 'graph: a picture is for who is let in');
    await page.getByRole('searchbox').fill('');
    await page.getByRole('combobox').selectOption({ label: 'copy-the-notes, collapsed' });
    await page.locator('.legend dt', { hasText: 'added' }).waitFor();
    await page.waitForFunction(() => Number(document.querySelector('.legend dd')?.textContent) > 0);
    must(true, 'graph: what a workspace added');
    await shot('graph-overlay');
  },

  async why() {
    await page.goto(`${origin}/why`);
    await page.getByRole('searchbox').fill('copy');
    await page.getByRole('link', { name: 'copy.txt' }).click();
    await page.locator('.lines a', { hasText: 'two' }).click();
    const way = page.locator('.way');
    await way.getByText('copy the notes').first().waitFor();
    const text = await way.textContent();
    for (const step of ['rewrite', 'job', 'worker', 'attempt', 'plan', 'task', 'collapse', 'evidence']) must(text.includes(step), `why: a line leads to its ${step}`);
    must(/fs\.write/.test(text), 'why: and to the capabilities');
    await way.getByText('difference').first().click();
    await way.locator('.diff tr.plus').first().waitFor();
    await way.locator('li', { hasText: 'collapse' }).last().getByText('difference').click();
    await page.waitForFunction(() => document.querySelectorAll('.way .diff').length > 1);
    must(true, 'why: steps have their difference');
    await accessible('why');
    const evidence = (await graphql('{ warp { nodes(kind: "evidence") { nodes { id } } } }')).warp.nodes.nodes[0].id;
    await page.goto(`${origin}/why/${evidence}`);
    await way.getByText('verdict').first().waitFor();
    must(true, 'why: a node leads to its task');
    await way.locator('.fields a', { hasText: 'verdict' }).click();
    await way.getByText('verdict since').waitFor();
    must(page.url().includes('field=verdict'), 'why: a field leads to its rewrite');
  },

  async phone() {
    await page.setViewportSize({ width: 390, height: 780 });
    await page.goto(origin + '/');
    await page.getByRole('option').first().waitFor();
    must(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'phone: nothing sticks out');
    await page.getByRole('option').first().click();
    await page.locator('.pane article').waitFor();
    await accessible('phone');
    await page.setViewportSize({ width: 1280, height: 800 });
  },
};

try {
  for (const story of Object.values(stories)) await story();
  must(!foreign.length, 'no request to another host', foreign.join(' '));
  must(!wrong.length, 'nothing wrong on the console', wrong.join('\n'));
} catch (e) {
  console.log(e.message ?? e);
  console.log('at', page.url(), wrong.join('\n'));
  await shot('failed');
  process.exitCode = 1;
} finally {
  await browser.close();
}
