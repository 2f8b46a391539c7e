// Tells whether the edges that should be drawn are: node picture.mjs MODULES, in server/viewer.
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const { build } = createRequire(import.meta.url)(process.argv[2] + '/esbuild');
const built = await build({ entryPoints: ['src/picture.ts'], bundle: true, format: 'esm', write: false });
const { Picture, NONE } = await import('data:text/javascript;base64,' + Buffer.from(built.outputFiles[0].contents).toString('base64'));

/** A picture of dots in a row, one unit apart, all below a first spot. */
function row(n, edges) {
  const of = (type, f) => type.from({ length: n + 1 }, (_, i) => f(i));
  const place = new Float32Array(5 * (n + 1));
  place.set([n / 2, 0, n, n / 2, 0]);
  for (let i = 1; i <= n; i++) place.set([i, 0, 0.1, i, 0], 5 * i);
  return Object.assign(Object.create(Picture.prototype), {
    size: n + 1, place, node: of(Uint32Array, (i) => (i ? i : NONE)), parent: of(Uint32Array, (i) => (i ? 0 : NONE)),
    count: of(Uint32Array, (i) => (i ? 1 : n)), first: of(Uint32Array, (i) => (i ? 0 : 1)), behind: of(Uint32Array, (i) => (i ? 0 : n + 1)),
    shown: new Uint32Array(n + 1), from: Uint32Array.from(edges, (e) => e[0]), to: Uint32Array.from(edges, (e) => e[1]),
  });
}
const look = (left, right) => ({ left, right, bottom: -1, top: 1, scale: 100 });

// An edge is drawn where one of its ends is in view, and leads to where the other one is.
const few = row(100, [[1, 2], [2, 90], [91, 2], [90, 91]]).cut(look(0.5, 5.5));
assert.deepEqual(few.dots.sort(), [1, 2, 3, 4, 5]);
assert.deepEqual(few.edges, [[1, 2, 0], [2, 90, 1], [91, 2, 2]]);
assert.deepEqual(few.beyond, [90, 91]);

// Where there are too many, those between what is in view come first, wherever they stand in the file.
const away = Array.from({ length: 3000 }, (_, i) => [1 + (i % 5), 10 + i]);
const many = row(4000, [...away, [1, 5]]).cut(look(0.5, 5.5));
assert.equal(many.edges.length, 2500);
assert.deepEqual(many.edges[0], [1, 5, 3000]);
assert.equal(many.beyond.length, 2499);
