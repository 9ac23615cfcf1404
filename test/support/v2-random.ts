/** Random requests of the v2 API, of which many are wrong, and what of their answers two members can have alike. */
import type { V2Answer, V2Call, V2Http } from './v2-http.js';

export type Pick = <T>(list: readonly T[]) => T;

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

/** One to a store in which what is at `knownIndexes` has changed. */
export function randomCall(pick: Pick, knownIndexes: readonly string[]): V2Call {
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
export function comparable({ status, headers, body }: V2Answer) {
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

/** Before it is, indexes move by themselves. */
export async function untilVersionDecided(http: V2Http): Promise<void> {
  for (;;) {
    const { body } = await http.call({ method: 'GET', target: '/version' });
    if (/"etcdcluster":"3\.[1-9]/.test(body)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
