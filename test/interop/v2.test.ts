/**
 * The v2 API beside etcd 3.4's: the same random requests to both, whose answers, indexes and stores must be the same.
 * Runs where REAL_ETCD_34 names a folder with real programs. V2_REQUESTS is how many requests a sequence has, V2_SEED
 * where they begin.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCluster, startCluster } from '../support/cluster.js';
import { buildPrograms, realEtcd34 } from '../support/member-process.js';
import { seededRandom } from '../support/seeded-random.js';
import { type V2Answer, type V2Call, V2Http } from '../support/v2-http.js';

const REQUESTS = Number(process.env.V2_REQUESTS ?? 2000);
const SEED = Number(process.env.V2_SEED ?? 1);

const flags = ['--enable-v2'];

type Pick = <T>(list: readonly T[]) => T;

const names = ['a', 'b', 'c', '_h', 'dir', 'ab', 'é', '%20x', 'p%2Fq', '00000000000000000005'] as const;

function randomPath(pick: Pick): string {
  const depth = pick([0, 1, 1, 1, 2, 2, 2, 3]);
  const path = Array.from({ length: depth }, () => encodeURI(pick(names)).replaceAll('%25', '%')).join('/');
  const odd = pick([...Array<string>(30).fill(''), '/', '//', '/./b', '/../a']);
  return `/v2/keys/${path}${odd}`;
}

const booleans = ['true', 'true', 'true', 'false', '1', 'T', 'x', ''];
const values = ['1', '2', 'x y', '<&>', 'é', '%ff', '%00', '', 'long'.repeat(50)];
const indexes = ['1', '5', '7', '12', '0', '-1', 'x', '18446744073709551615', '18446744073709551616'];
const ttls = ['1000', '2000', '', 'x', '-1', '7000000000'];

/** As a form or query has it; bytes beyond ASCII are escaped, since Node's parser of requests takes no others. */
const formText = (text: string): string => text.replaceAll(' ', '+').replaceAll('&', '%26').replaceAll('é', '%C3%A9');

function randomForm(pick: Pick, method: string, knownIndexes: readonly string[]): string {
  const fields: string[] = [];
  const maybe = (oneIn: number, field: () => string): void => {
    if (pick(Array.from({ length: oneIn }, (_, at) => at)) === 0) fields.push(field());
  };
  const index = () => pick([...indexes, ...knownIndexes]);
  maybe(1, () => `value=${formText(pick(values))}`);
  maybe(4, () => `dir=${pick(booleans)}`);
  maybe(4, () => `recursive=${pick(booleans)}`);
  maybe(5, () => `prevExist=${pick(booleans)}`);
  maybe(5, () => `prevValue=${formText(pick(values))}`);
  maybe(5, () => `prevIndex=${index()}`);
  maybe(7, () => `ttl=${pick(ttls)}`);
  maybe(15, () => `refresh=${pick(booleans)}`);
  maybe(15, () => `noValueOnSuccess=${pick(booleans)}`);
  maybe(40, () => pick(['%zz', 'a;b=c', '=', '&&', 'quorum=x', 'wait=true', 'stream=1']));
  if (method === 'GET' || method === 'HEAD') fields.push('sorted=true');
  return fields.join('&');
}

function randomCall(pick: Pick, knownIndexes: readonly string[]): V2Call {
  const method = pick(['PUT', 'PUT', 'PUT', 'PUT', 'POST', 'DELETE', 'DELETE', 'GET', 'GET', 'HEAD', 'PATCH']);
  const path = randomPath(pick);
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE') {
    const extra = method === 'GET' ? pick(['', '&quorum=true', '&waitIndex=3', '&stream=true']) : '';
    const query = randomForm(pick, method, knownIndexes).replace(/(^|&)wait=true/, '');
    return { method, target: `${path}?${query}${extra}` };
  }
  const form = randomForm(pick, method, knownIndexes);
  return pick([true, true, true, false])
    ? { method, target: path, form }
    : { method, target: `${path}?${form}`, form: '' };
}

/** Times differ between two clocks: hidden, but that they are there. */
function comparable({ status, headers, body }: V2Answer) {
  return {
    status,
    body: body.replace(/"expiration":"[^"]*"/g, '"expiration":"T"').replace(/"ttl":-?\d+/g, '"ttl":N'),
    index: headers['x-etcd-index'],
    type: headers['content-type'],
    location: headers.location,
    allow: headers.allow,
    hasRaftIndex: headers['x-raft-index'] !== undefined,
    hasCluster: headers['x-etcd-cluster-id'] !== undefined,
  };
}

async function untilVersionDecided(http: V2Http): Promise<void> {
  for (;;) {
    const { body } = await http.call({ method: 'GET', target: '/version' });
    if (/"etcdcluster":"3\.[1-9]/.test(body)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

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
