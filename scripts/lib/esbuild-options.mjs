// How programs are bundled, released ones and those of benches that stand for them.

// What CommonJS packages expect to find.
const commonjsBanner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);" +
  'const __dirname=import.meta.dirname;';

/** @type {import('esbuild').BuildOptions} */
export const bundleOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  banner: { js: commonjsBanner },
  // Native parts of ssh2, which does as well without them.
  external: ['*.node', 'cpu-features'],
};
