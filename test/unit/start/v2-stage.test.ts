/** `--v2-deprecation`: what a start makes of it. Texts as of etcd 3.5.30. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startMember } from '../../../src/start/start-member.js';
import { startCluster } from '../../support/cluster.js';
import { memberOptions } from '../../support/member-options.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const NO_KEYS = 'detected disallowed custom content in v2store for stage --v2-deprecation=';

describe('--v2-deprecation', () => {
  it('refuses a snapshot with v2 keys, from write-only on', async () => {
    await using cluster = await startCluster({ members: 1, flags: ['--enable-v2', '--snapshot-count=2'] });
    const { only } = cluster;
    const snapshots = (): number =>
      readdirSync(join(only.dataDir, 'member', 'snap')).filter((name) => name.endsWith('.snap')).length;
    // The first may be of a time before the first key, and none is begun while another is being written.
    for (let at = 0; snapshots() < 2; at++) {
      const body = new URLSearchParams({ value: '1' });
      expect((await fetch(`${only.clientUrl}/v2/keys/${at}`, { method: 'PUT', body })).status).toBe(201);
    }
    await only.stop();
    const flags = only.flags.filter((flag) => flag !== '--enable-v2');
    for (const stage of ['write-only', 'write-only-drop-data', 'gone']) {
      const log = new RecordingLogger();
      const start = startMember(memberOptions([...flags, `--v2-deprecation=${stage}`]), log);
      await expect(start).rejects.toThrowError(`${NO_KEYS}${stage}`);
      expect(log.records.map(({ message }) => message)).toContain('illegal v2store content');
    }
    const passed = await startMember(memberOptions([...flags, '--v2-deprecation=not-yet']), new RecordingLogger());
    await passed.close();
  });

  it('goes without the v2 API, and lets a store without v2 keys start', async () => {
    await using cluster = await startCluster({ members: 1 });
    const { only } = cluster;
    await only.stop();
    const both = memberOptions([...only.flags, '--enable-v2', '--v2-deprecation=write-only']);
    await expect(startMember(both, new RecordingLogger())).rejects.toThrowError(
      '--enable-v2 and --v2-deprecation=write-only are mutually exclusive',
    );
    const passed = await startMember(memberOptions([...only.flags, '--v2-deprecation=gone']), new RecordingLogger());
    await passed.close();
  });
});
