// Builds dist from src: one script, one style, the page and its icon. Two builds from the same sources are the same bytes.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const out = process.argv[2] ?? 'dist';

// The daemon carries out the operations in ops by the SHA-256 of their text: that is all that the script needs of them.
const operations = {
  name: 'operations',
  setup(b) {
    b.onLoad({ filter: /\.graphql$/ }, async ({ path }) => ({
      contents: createHash('sha256').update(await readFile(path)).digest('hex'),
      loader: 'text',
    }));
  },
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  entryPoints: { viewer: 'src/main.tsx' },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  plugins: [operations],
  logLevel: 'warning',
});
for (const name of ['index.html', 'icon.svg']) await copyFile(`src/${name}`, `${out}/${name}`);
