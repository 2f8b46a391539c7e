// Measures the graph in Chromium: node frames.mjs LINK CHROMIUM. Prints how long the picture took, and for each movement how many frames
// there were and how long they took, in milliseconds.
import { chromium } from 'playwright-core';

const [link, executablePath] = process.argv.slice(2);
const [base, hash] = link.split('/#');
const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
if (process.getuid() === 0) args.push('--no-sandbox');
const browser = await chromium.launch({ executablePath, args });
const page = await browser.newPage({ viewport: { width: 1400, height: 860 } });
page.setDefaultTimeout(120_000);
page.on('pageerror', (e) => { throw e; });

const began = Date.now();
await page.goto(`${base}/graph#${hash}`);
await page.locator('.legend dt').first().waitFor();
console.log(`${await page.locator('.graph .note').textContent()}: drawn after ${Date.now() - began} ms`);
await page.waitForTimeout(1500);
await page.mouse.move(800, 400);

async function measure(what, act) {
  await page.evaluate(() => {
    let last = performance.now();
    window.frames = [];
    window.counting = true;
    const frame = (now) => {
      window.frames.push(now - last);
      last = now;
      if (window.counting) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await act();
  const frames = (await page.evaluate(() => {
    window.counting = false;
    return window.frames;
  })).slice(1).sort((a, b) => a - b);
  const at = (q) => frames[Math.floor((frames.length - 1) * q)].toFixed(1);
  console.log(`${what}: ${frames.length} frames, median ${at(0.5)} ms, p95 ${at(0.95)}, longest ${at(1)}`);
}
const wheel = (by) => async () => {
  for (let i = 0; i < 12; i++) {
    await page.mouse.wheel(0, by);
    await page.waitForTimeout(120);
  }
};
await measure('still', () => page.waitForTimeout(1500));
await measure('zoom in', wheel(-300));
await measure('pan', async () => {
  await page.mouse.down();
  for (let i = 0; i < 40; i++) {
    await page.mouse.move(800 - i * 8, 400 + i * 4);
    await page.waitForTimeout(25);
  }
  await page.mouse.up();
});
await measure('zoom out', wheel(300));
await browser.close();
