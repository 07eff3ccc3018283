import { join } from 'node:path';
import { build, stop } from 'esbuild';

const root = join(import.meta.dirname, '../../../..');

/** What CommonJS packages expect to find, as in `scripts/build.mjs`. */
const commonjsBanner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);" +
  'const __dirname=import.meta.dirname;';

export interface Programs {
  /** `deploy-main.ts`, bundled. */
  readonly deploy: string;
  /** `simulator-main.ts`, bundled. */
  readonly simulator: string;
}

/** Bundles both programs into `directory` as a release is: run through tsx, the compiler's memory would count as the deploy host's. */
export async function bundlePrograms(directory: string): Promise<Programs> {
  try {
    await build({
      absWorkingDir: root,
      entryPoints: {
        deploy: join(import.meta.dirname, 'deploy-main.ts'),
        simulator: join(import.meta.dirname, 'simulator-main.ts'),
      },
      outdir: directory,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      sourcemap: 'linked',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'warning',
      banner: { js: commonjsBanner },
      external: ['*.node', 'cpu-features'],
    });
  } finally {
    await stop();
  }
  return { deploy: join(directory, 'deploy.mjs'), simulator: join(directory, 'simulator.mjs') };
}
