import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator } from '../support/operator.ts';

describe('scap deploy-local', () => {
  it('[B33] by hand promotes what is complete, with relative paths too', async () => {
    const me = createOperator();
    const one = (await me.json(0, 'push', 'staging')).revision;
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'push');
    const answer = await me.expectStatus(
      0,
      'deploy-local',
      '--stage',
      'promote',
      '--cache',
      '.scap/targets/web1/cache',
      '--live',
      '.scap/targets/web1/live',
      '--param',
      `revision=${one}`,
    );
    expect(JSON.parse(answer.stdout)).toMatchObject({ changed: true });
    expect(readFileSync(join(me.live('web1'), 'index.php'), 'utf8')).toBe('<?php // one\n');
    expect(readlinkSync(me.live('web1'))).toBe(join(realpathSync(me.cache('web1')), 'revs', one));
    const probed = JSON.parse(
      (await me.expectStatus(0, 'deploy-local', 'probe', '--cache', me.cache('web1'), '--live', me.live('web1')))
        .stdout,
    );
    expect(probed).toMatchObject({ live: { kind: 'revision', sha: one }, fence: 2 });
  });
});
