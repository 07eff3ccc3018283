import { join } from 'node:path';
import { build, stop } from 'esbuild';
import { bundleOptions } from '../../esbuild-options.mjs';

const root = join(import.meta.dirname, '../../../..');

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
      ...bundleOptions,
      absWorkingDir: root,
      entryPoints: {
        deploy: join(import.meta.dirname, 'deploy-main.ts'),
        simulator: join(import.meta.dirname, 'simulator-main.ts'),
      },
      outdir: directory,
      outExtension: { '.js': '.mjs' },
      splitting: true,
      sourcemap: 'linked',
    });
  } finally {
    await stop();
  }
  return { deploy: join(directory, 'deploy.mjs'), simulator: join(directory, 'simulator.mjs') };
}
