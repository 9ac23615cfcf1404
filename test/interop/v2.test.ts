/**
 * The v2 API beside etcd 3.4's: the same random requests to both, whose answers, indexes and stores must be the same.
 * Runs where REAL_ETCD_34 names a folder with real programs. V2_REQUESTS is how many requests a sequence has, V2_SEED
 * where they begin.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCluster, startCluster } from '../support/cluster.js';
import { buildPrograms, realEtcd34 } from '../support/member-process.js';
import { seededRandom } from '../support/seeded-random.js';
import { type V2Answer, type V2Call, V2Http } from '../support/v2-http.js';
import { comparable, type Pick, randomCall, untilVersionDecided } from '../support/v2-random.js';

const REQUESTS = Number(process.env.V2_REQUESTS ?? 2000);
const SEED = Number(process.env.V2_SEED ?? 1);

const flags = ['--enable-v2'];

describe.skipIf(realEtcd34 === undefined)('v2 beside etcd 3.4', () => {
  let ourCluster: LocalCluster;
  let realCluster: LocalCluster;
  let ours: V2Http;
  let theirs: V2Http;

  beforeAll(async () => {
    buildPrograms();
    ourCluster = await startCluster({ members: 1, runner: 'ours', flags: [...flags, '--emulate-version=3.4'] });
    realCluster = await startCluster({ members: 1, runner: { real: realEtcd34 ?? '' }, flags });
    ours = new V2Http(ourCluster.only.endpoint);
    theirs = new V2Http(realCluster.only.endpoint);
    await Promise.all([untilVersionDecided(ours), untilVersionDecided(theirs)]);
  }, 120_000);

  afterAll(async () => {
    ours?.[Symbol.dispose]();
    theirs?.[Symbol.dispose]();
    await ourCluster?.[Symbol.asyncDispose]();
    await realCluster?.[Symbol.asyncDispose]();
  });

  const both = async (call: V2Call): Promise<[V2Answer, V2Answer]> => Promise.all([ours.call(call), theirs.call(call)]);

  it(`answers ${REQUESTS} random requests alike`, async () => {
    const random = seededRandom(SEED);
    const pick: Pick = (list) => list[random.below(list.length)] as (typeof list)[number];
    const knownIndexes: string[] = ['4'];
    for (let count = 0; count < REQUESTS; count++) {
      const call = randomCall(pick, knownIndexes);
      const [mine, other] = await both(call);
      expect(comparable(mine), `request ${count} of seed ${SEED}: ${JSON.stringify(call)}`).toEqual(comparable(other));
      const index = mine.headers['x-etcd-index'];
      if (index !== undefined) knownIndexes.push(index);
      if (knownIndexes.length > 30) knownIndexes.shift();
    }
    const [mine, other] = await both({ method: 'GET', target: '/v2/stats/store' });
    // What the members ask of their own stores, for health and the like, is counted as gets.
    const counted = (answer: V2Answer) => ({ ...JSON.parse(answer.body), getsSuccess: 0, getsFail: 0 });
    expect(counted(mine)).toEqual(counted(other));
  }, 600_000);

  it('answers alike what is beyond all measure, and lives on', async () => {
    const long = (segments: number): string => `/v2/keys${'/s'.repeat(segments)}`;
    const calls: V2Call[] = [
      { method: 'PUT', target: long(10_000), form: 'value=deep' },
      { method: 'GET', target: long(10_000) },
      { method: 'GET', target: `${long(9_990)}?recursive=true&sorted=true` },
      { method: 'GET', target: '/v2/keys/s' },
      { method: 'DELETE', target: '/v2/keys/s?recursive=true' },
      { method: 'GET', target: long(10_000) },
      { method: 'PUT', target: '/v2/keys/ttl', form: 'value=x&ttl=-1' },
      { method: 'PUT', target: '/v2/keys/ttl', form: 'value=x&ttl=-9223372036854775808' },
      { method: 'PUT', target: '/v2/keys/ttl', form: 'value=x&ttl=99999999999999999999' },
      { method: 'GET', target: '/v2/keys/w?wait=true&waitIndex=-1' },
      { method: 'GET', target: '/v2/keys/w?wait=true&waitIndex=18446744073709551616' },
    ];
    for (const call of calls) {
      const [mine, other] = await both(call);
      const told = `${call.method} ${call.target.slice(0, 40)} ${call.form ?? ''}`;
      expect(comparable(mine), told).toEqual(comparable(other));
    }
  }, 60_000);

  it('refuses a form of 100 MB as it comes, and keeps nothing of it', async () => {
    const residentMb = (): number => {
      const { pid } = ourCluster.only.process;
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    };
    const before = residentMb();
    let highest = before;
    const outcomes = await Promise.all(
      [ours, theirs].map(({ endpoint }) =>
        sendForm(endpoint, 100 * MB, () => {
          highest = Math.max(highest, residentMb());
        }),
      ),
    );
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(highest - before).toBeLessThan(100);
    const [mine, other] = await both({ method: 'GET', target: '/v2/keys/form' });
    expect(comparable(mine)).toEqual(comparable(other));
  }, 60_000);

  it('waits for an index of the future, past what happens before it', async () => {
    const { headers } = await ours.call({ method: 'GET', target: '/v2/keys/' });
    const index = Number(headers['x-etcd-index']);
    const texts = [ours, theirs].map(async ({ endpoint }) => {
      const answer = await fetch(`http://${endpoint}/v2/keys/future?wait=true&waitIndex=${index + 3}`);
      return { index: answer.headers.get('x-etcd-index'), text: await answer.text() };
    });
    const watching = async ({ endpoint }: V2Http): Promise<number> =>
      ((await (await fetch(`http://${endpoint}/v2/stats/store`)).json()) as { watchers: number }).watchers;
    await expect.poll(async () => Promise.all([watching(ours), watching(theirs)])).toEqual([1, 1]);
    for (const value of ['1', '2', '3', '4']) {
      await both({ method: 'PUT', target: '/v2/keys/future', form: `value=${value}` });
    }
    const [mine, other] = await Promise.all(texts);
    expect(mine).toEqual(other);
    expect(mine?.text).toContain(`"value":"3","modifiedIndex":${index + 3}`);
  }, 60_000);

  it('finds the same events in the history', async () => {
    const { headers } = await ours.call({ method: 'GET', target: '/v2/keys/' });
    const index = Number(headers['x-etcd-index']);
    for (let back = 0; back < Math.min(index - 4, 1010); back += 7) {
      const target = `/v2/keys/?wait=true&recursive=true&waitIndex=${index - back}`;
      const [mine, other] = await Promise.all([firstLine(ours, target), firstLine(theirs, target)]);
      expect(mine, target).toBe(other);
    }
  }, 60_000);
});

/** What a watch says first; undefined when that takes longer than it should. */
async function firstLine(http: V2Http, target: string): Promise<string | undefined> {
  const response = await fetch(`http://${http.endpoint}${target}`, { signal: AbortSignal.timeout(300) }).catch(
    () => undefined,
  );
  const text = await response?.text().catch(() => undefined);
  return text?.replace(/"expiration":"[^"]*"/g, '').replace(/"ttl":-?\d+/g, '');
}

const MB = 1024 * 1024;

/** The status and text of the answer, or that there is none. */
function sendForm(endpoint: string, bytes: number, onMegabyte: () => void): Promise<string> {
  const [host, port] = endpoint.split(':');
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': bytes };
  return new Promise((resolve) => {
    const sent = request({ host, port, method: 'PUT', path: '/v2/keys/form', headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('close', () => {
        resolve(`${response.statusCode} ${text}`);
        sent.destroy();
      });
    });
    sent.on('error', () => resolve('no answer'));
    const megabyte = Buffer.alloc(MB, 'x');
    const write = (left: number): void => {
      onMegabyte();
      if (left === 0) sent.end();
      else if (!sent.destroyed)
        sent.write(left === bytes ? Buffer.concat([Buffer.from('value='), megabyte.subarray(6)]) : megabyte, () =>
          write(left - MB),
        );
    };
    write(bytes);
  });
}
