/**
 * The classic tour by curl; and a data directory with v2 content that goes from etcd 3.4 to us and back (where
 * REAL_ETCD_34 names real programs).
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd34 } from '../support/member-process.js';
import { runProgram } from '../support/program.js';
import { V2Http } from '../support/v2-http.js';

const tour = fileURLToPath(new URL('v2-tour.sh', import.meta.url));
const hasCurl = (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/curl`));
if (!hasCurl) console.warn('the tour of the v2 API is skipped: there is no curl');

const as34 = '--emulate-version=3.4';

beforeAll(() => buildPrograms(), 120_000);

describe.skipIf(!hasCurl)('the tour of the v2 API', () => {
  it('gets the answers that the documentation shows', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const member = await home.run(ourProgram('etcd'), ['--enable-v2', as34]);
    try {
      const { stdout } = await runProgram('sh', [tour, `http://${home.endpoint}`]);
      expect(stdout).not.toContain('FAIL');
      expect(stdout.match(/^ok /gm)).toHaveLength(31);
    } finally {
      await member.kill();
    }
  }, 60_000);
});

describe.skipIf(realEtcd34 === undefined)('a data directory with v2 content', () => {
  const everything = { method: 'GET', target: '/v2/keys/?recursive=true&sorted=true' };

  it('goes from etcd 3.4 to us and back, through snapshots and logs', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    using http = new V2Http(home.endpoint);
    const flags = ['--enable-v2', '--snapshot-count', '20'];
    const programs = [`${realEtcd34}/etcd`, ourProgram('etcd'), `${realEtcd34}/etcd`, ourProgram('etcd')];
    let before: string | undefined;
    for (const [turn, program] of programs.entries()) {
      const member = await home.run(program, program === ourProgram('etcd') ? [...flags, as34] : flags);
      try {
        const found = await http.call(everything);
        if (before !== undefined) expect(masked(found.body)).toBe(masked(before));
        for (let count = 0; count < 30; count++) {
          const form = `value=%3C${turn}%3E+%C3%A9&ttl=${count % 3 === 0 ? 5000 : ''}`;
          await http.call({ method: 'PUT', target: `/v2/keys/turn${turn}/key${count}`, form });
        }
        await http.call({ method: 'POST', target: '/v2/keys/queue', form: 'value=x' });
        await http.call({ method: 'DELETE', target: `/v2/keys/turn${turn}/key7` });
        const history = await http.call({ method: 'GET', target: '/v2/keys/?wait=true&recursive=true&waitIndex=10' });
        expect(history.body).toContain('"modifiedIndex":10,');
        before = (await http.call(everything)).body;
      } finally {
        await member.stop();
      }
    }
  }, 120_000);
});

const masked = (body: string): string => body.replace(/"ttl":\d+/g, '"ttl":N');
