import { runDeployLocal } from './deploy-local.ts';

process.exitCode = await runDeployLocal(process.argv.slice(2));
