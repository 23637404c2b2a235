import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const compress = promisify(gzip);

/** Writes FILE.gz beside every hashed asset, so that serving costs no CPU. index.html is filled per response. */
const precompress = (): Plugin => ({
  name: 'precompress',
  apply: 'build',
  writeBundle: async ({ dir }) => {
    if (dir === undefined) return;
    const assets = join(dir, 'assets');
    for (const name of await readdir(assets)) {
      if (!/\.(js|css|svg)$/.test(name)) continue;
      const bytes = await readFile(join(assets, name));
      await writeFile(
        join(assets, `${name}.gz`),
        await compress(bytes, { level: constants.Z_BEST_COMPRESSION }),
      );
    }
  },
});

export default defineConfig({
  base: '/',
  plugins: [react(), precompress()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2024',
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      treeshake: {
        // The contract's schemas and its validator are for servers; the page takes a few constants from it.
        moduleSideEffects: (id) => !id.includes('/api/src/'),
        manualPureFunctions: ['Type', 'oneOf'],
      },
    },
  },
});
