import { fileURLToPath } from 'node:url';
import { createLocalTransport } from '../../src/transport/local.ts';
import { describeTransport } from './transport-suite.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

describeTransport('local', {
  withAgent: (agentPath) => createLocalTransport({ agentPath }),
  realAgent: at('../../dist/agent.mjs'),
  fakeAgent: at('../support/fake-agent.mjs'),
});
