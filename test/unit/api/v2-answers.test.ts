/**
 * The v2 API over HTTP: what it answers to forms, queries and JSON, right and wrong ones, in one conversation. All of
 * it as a member of etcd 3.5.30 that was asked the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import { V2Http } from '../../support/v2-http.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let http: V2Http;

beforeAll(async () => {
  cluster = await startCluster({ members: 1, flags: ['--enable-v2'] });
  served = cluster.only;
  http = new V2Http(served.endpoint);
}, 30_000);
afterAll(async () => {
  http?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

interface Node {
  readonly key?: string;
  readonly dir?: true;
  readonly value?: string;
  readonly modifiedIndex?: number;
  readonly createdIndex?: number;
  readonly ttl?: number;
  readonly expiration?: string;
  readonly nodes?: readonly Node[];
}

/** `/key=value MODIFIED/CREATED`, a directory's with a slash behind it; a time to live in whole hundreds. */
function nodeText({
  key = '/',
  dir,
  value,
  modifiedIndex,
  createdIndex,
  ttl,
  expiration,
  nodes,
  ...more
}: Node): string {
  expect(more).toEqual({});
  expect(expiration === undefined).toBe(ttl === undefined);
  return [
    `${key}${dir === true && key !== '/' ? '/' : ''}${value === undefined ? '' : `=${value}`}`,
    ...(modifiedIndex === undefined ? [] : [`${modifiedIndex}/${createdIndex}`]),
    ...(ttl === undefined ? [] : [`ttl ${Math.ceil(ttl / 100) * 100}`]),
    ...(nodes === undefined ? [] : [`[${nodes.map(nodeText).join(', ')}]`]),
  ].join(' ');
}

/** An event as `action node < node before`, an error as `number message (cause) @index`; else the message, or all. */
function told(body: string): string {
  const text = body.trimEnd();
  if (!text.startsWith('{')) return text;
  const said = JSON.parse(text);
  if ('errorCode' in said)
    return `${said.errorCode} ${said.message} (${said.cause})${said.index > 0 ? ` @${said.index}` : ''}`;
  if ('action' in said) {
    const node = said.node === undefined ? '' : ` ${nodeText(said.node)}`;
    return `${said.action}${node}${said.prevNode === undefined ? '' : ` < ${nodeText(said.prevNode)}`}`;
  }
  return Object.keys(said).join() === 'message' ? said.message : text;
}

/** The request is a method, a target, and maybe a type of its body other than the usual. */
type Row = readonly [request: string, body: string, status: number, answer: string, user?: string];

async function wrongAnswers(rows: readonly Row[], by: V2Http = http): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const [request, sent, status, answer, user] of rows) {
    const [method = '', target = '', ...type] = request.split(' ');
    const isForm = target.startsWith('/v2/keys');
    const got = await by.call({
      method,
      target,
      ...(sent !== '' && (isForm ? { form: sent } : { body: sent })),
      headers: {
        ...(sent !== '' && !isForm && { 'Content-Type': 'application/json' }),
        ...(type.length > 0 && { 'Content-Type': type.join(' ') }),
        ...(user !== undefined && { Authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
      },
    });
    if (got.status !== status || told(got.body) !== answer) wrong.push({ request, sent, ...got, told: told(got.body) });
  }
  return wrong;
}

const OF_PEER_URLS = 'of type struct { PeerURLs []string "json:\\"peerURLs\\"" }';
const ALL = '{"kv":{"read":["/*"],"write":["/*"]}}';
const OF_R = '{"kv":{"read":["/a/*","/c"],"write":["/b"]}}';

describe('the v2 API', () => {
  it('reads and writes keys as asked, and says what is wrong with what is asked', async () => {
    const rows: readonly Row[] = [
      ['GET /v2/keys/', '', 200, 'get /'],
      ['PUT /v2/keys/a', 'value=1', 201, 'set /a=1 4/4'],
      ['PUT /v2/keys/a', 'value=2', 200, 'set /a=2 5/5 < /a=1 4/4'],
      ['GET /v2/keys/a', '', 200, 'get /a=2 5/5'],
      ['PUT /v2/keys/a?prevExist=false', 'value=3', 412, '105 Key already exists (/a) @5'],
      ['PUT /v2/keys/b?prevExist=true', 'value=3', 404, '100 Key not found (/b) @5'],
      ['PUT /v2/keys/a?prevExist=true', 'value=3', 200, 'update /a=3 6/5 < /a=2 5/5'],
      ['PUT /v2/keys/a?prevValue=2', 'value=4', 412, '101 Compare failed ([2 != 3]) @6'],
      ['PUT /v2/keys/a?prevValue=3', 'value=4', 200, 'compareAndSwap /a=4 7/5 < /a=3 6/5'],
      ['PUT /v2/keys/a?prevIndex=1', 'value=5', 412, '101 Compare failed ([1 != 7]) @7'],
      ['PUT /v2/keys/a?prevIndex=7', 'value=5', 200, 'compareAndSwap /a=5 8/5 < /a=4 7/5'],
      [
        'PUT /v2/keys/a?prevValue=',
        'value=5',
        400,
        '201 PrevValue is Required in POST form ("prevValue" cannot be empty)',
      ],
      ['PUT /v2/keys/a?prevExist=maybe', 'value=5', 400, '209 Invalid field (invalid value for prevExist)'],
      [
        'PUT /v2/keys/a?prevIndex=x',
        'value=5',
        400,
        '203 The given index in POST form is not a number (invalid value for "prevIndex")',
      ],
      [
        'PUT /v2/keys/a?ttl=x',
        'value=5',
        400,
        '202 The given TTL in POST form is not a number (invalid value for "ttl")',
      ],
      ['PUT /v2/keys/a?dir=x', 'value=5', 400, '209 Invalid field (invalid value for "dir")'],
      ['POST /v2/keys/q', 'value=x', 201, 'create /q/00000000000000000009=x 9/9'],
      ['GET /v2/keys/q?recursive=true&sorted=true', '', 200, 'get /q/ 9/9 [/q/00000000000000000009=x 9/9]'],
      ['GET /v2/keys/q?recursive=x', '', 400, '209 Invalid field (invalid value for "recursive")'],
      ['GET /v2/keys/q?sorted=x', '', 400, '209 Invalid field (invalid value for "sorted")'],
      ['GET /v2/keys/q?wait=x', '', 400, '209 Invalid field (invalid value for "wait")'],
      [
        'GET /v2/keys/q?waitIndex=x',
        '',
        400,
        '203 The given index in POST form is not a number (invalid value for "waitIndex")',
      ],
      ['GET /v2/keys/q?quorum=x', '', 400, '209 Invalid field (invalid value for "quorum")'],
      ['GET /v2/keys/q?stream=x', '', 400, '209 Invalid field (invalid value for "stream")'],
      ['GET /v2/keys/a?quorum=true', '', 200, 'get /a=5 8/5'],
      ['GET /v2/keys/nope', '', 404, '100 Key not found (/nope) @9'],
      ['GET /v2/keys/a?wait=true&waitIndex=4', '', 200, 'set /a=1 4/4'],
      ['GET /v2/keys/?wait=true&waitIndex=5&recursive=true', '', 200, 'set /a=2 5/5 < /a=1 4/4'],
      ['POST /v2/keys/q?wait=true', 'value=1', 400, '209 Invalid field ("wait" can only be used with GET requests)'],
      ['GET /v2/keys/a?wait=true&quorum=true', '', 200, 'get /a=5 8/5'],
      ['PUT /v2/keys/d', 'dir=true', 201, 'set /d/ 10/10'],
      ['PUT /v2/keys/d', 'value=1', 403, '102 Not a file (/d) @10'],
      ['PUT /v2/keys/d/e/f', 'value=1', 201, 'set /d/e/f=1 11/11'],
      ['PUT /v2/keys/a/x', 'value=1', 400, '104 Not a directory (/a) @11'],
      ['DELETE /v2/keys/d', '', 403, '102 Not a file (/d) @11'],
      ['DELETE /v2/keys/d?dir=true', '', 403, '108 Directory not empty (/d) @11'],
      ['DELETE /v2/keys/d?recursive=true', '', 200, 'delete /d/ 12/10 < /d/ 10/10'],
      ['DELETE /v2/keys/', '', 400, '107 Root is read only (/) @12'],
      ['DELETE /v2/keys/a?prevValue=x', '', 412, '101 Compare failed ([x != 5]) @12'],
      ['DELETE /v2/keys/a?prevIndex=1', '', 412, '101 Compare failed ([1 != 8]) @12'],
      ['DELETE /v2/keys/a?prevIndex=7&prevValue=4', '', 412, '101 Compare failed ([4 != 5] [7 != 8]) @12'],
      ['DELETE /v2/keys/a?prevExist=true', '', 200, 'delete /a 13/5 < /a=5 8/5'],
      ['DELETE /v2/keys/nope', '', 404, '100 Key not found (/nope) @13'],
      ['PUT /v2/keys/', 'value=1', 400, '107 Root is read only (/) @13'],
      ['PUT /v2/keys/t', 'value=1&ttl=100', 201, 'set /t=1 14/14 ttl 100'],
      ['PUT /v2/keys/t', 'refresh=true&ttl=200&prevExist=true', 200, 'update /t=1 15/14 ttl 200 < /t=1 14/14 ttl 100'],
      [
        'PUT /v2/keys/t',
        'refresh=true&ttl=200&value=x',
        400,
        '211 Value provided on refresh (A value was provided on a refresh)',
      ],
      ['PUT /v2/keys/t', 'refresh=true&ttl=200', 200, 'set /t=1 16/16 ttl 200 < /t=1 15/14 ttl 200'],
      ['PUT /v2/keys/t', 'refresh=true', 400, '212 A TTL must be provided on refresh (No TTL value set)'],
      ['PUT /v2/keys/t', 'refresh=x', 400, '209 Invalid field (invalid value for refresh)'],
      [
        'PUT /v2/keys/t',
        'ttl=-1&value=2',
        400,
        '202 The given TTL in POST form is not a number (invalid value for "ttl")',
      ],
      ['PUT /v2/keys/_h', 'value=1', 201, 'set /_h=1 17/17'],
      ['GET /v2/keys/_h', '', 200, 'get /_h=1 17/17'],
      ['PUT /v2/keys/noValueOnSuccess?noValueOnSuccess=true', 'value=1', 201, 'set'],
      [
        'PUT /v2/keys/noValueOnSuccess?noValueOnSuccess=x',
        'value=1',
        400,
        '209 Invalid field (invalid value for "noValueOnSuccess")',
      ],
      ['PATCH /v2/keys/t', '', 405, 'Method Not Allowed'],
      ['OPTIONS /v2/keys/t', '', 200, ''],
      ['GET /v2/keysx', '', 404, '404 page not found'],
      ['GET /v2/nope', '', 404, '404 page not found'],
      ['PUT /v2/keys/k%2Fl', 'value=1', 201, 'set /k/l=1 19/19'],
      ['PUT /v2/keys/%zz', 'value=1', 400, '400 Bad Request'],
      ['PUT /v2/keys/u', 'value=%zz', 400, '210 Invalid POST form (invalid URL escape "%zz")'],
      ['PUT /v2/keys/u', 'value=1&value=2', 201, 'set /u=1 20/20'],
      ['PUT /v2/keys/w?value=q', 'value=1', 201, 'set /w=1 21/21'],
    ];
    expect(await wrongAnswers(rows)).toEqual([]);
  });

  it('answers a HEAD as a GET without its body', async () => {
    const { status, body, headers } = await http.call({ method: 'HEAD', target: '/v2/keys/t' });
    expect([status, body, headers['content-type']]).toEqual([200, '', 'application/json']);
    expect(headers['x-etcd-index']).toMatch(/^\d+$/);
  });

  it('keeps nothing of a caller who waits and goes, be it for one event or for all', async () => {
    const watchers = async (): Promise<number> =>
      JSON.parse((await http.call({ method: 'GET', target: '/v2/stats/store' })).body).watchers;
    expect(await watchers()).toBe(0);
    for (const kind of ['', '&stream=true']) {
      const leaving = new AbortController();
      const waited = fetch(`http://${served.endpoint}/v2/keys/waited?wait=true${kind}`, { signal: leaving.signal })
        .then((response) => response.text())
        .catch(() => 'gone');
      await expect.poll(watchers).toBe(1);
      leaving.abort();
      expect(await waited).toBe('gone');
      await expect.poll(watchers).toBe(0);
    }
  });

  it('shows members, and refuses what are none', async () => {
    const rows: readonly Row[] = [
      ['GET /v2/members/x', '', 404, 'Not found'],
      [
        'POST /v2/members',
        '{"peerURLs":["nonsense"]}',
        400,
        'URL scheme must be http, https, unix, or unixs: nonsense',
      ],
      ['POST /v2/members', '{', 400, 'unexpected end of JSON input'],
      ['POST /v2/members', '{"peerURLs":[]}', 400, 'no valid URLs given'],
      ['DELETE /v2/members/1', '', 404, 'No such member: 1'],
      ['DELETE /v2/members', '', 405, 'Method Not Allowed'],
      ['PUT /v2/members/1', '{"peerURLs":["http://127.0.0.1:9"]}', 404, 'No such member: 1'],
      ['PUT /v2/members/zz', '{"peerURLs":["http://127.0.0.1:9"]}', 404, 'No such member: zz'],
      ['PUT /v2/members', '{"peerURLs":["http://127.0.0.1:9"]}', 405, 'Method Not Allowed'],
      ['PATCH /v2/members', '', 405, 'Method Not Allowed'],
      ['GET /v2/stats/nope', '', 404, '404 page not found'],
    ];
    expect(await wrongAnswers(rows)).toEqual([]);
    const { body } = await http.call({ method: 'GET', target: '/v2/members' });
    const { members } = JSON.parse(body);
    expect(members).toMatchObject([{ name: served.name, clientURLs: [`http://${served.endpoint}`] }]);
    const leader = await http.call({ method: 'GET', target: '/v2/members/leader' });
    expect(JSON.parse(leader.body)).toEqual(members[0]);
    const form = await http.call({
      method: 'POST',
      target: '/v2/members',
      form: '{"peerURLs":["http://127.0.0.1:9"]}',
    });
    expect([form.status, told(form.body)]).toEqual([
      415,
      'Bad Content-Type application/x-www-form-urlencoded, accept application/json',
    ]);
  });

  it('keeps users and roles, and lets nobody else in once they are on', async () => {
    const rows: readonly Row[] = [
      ['GET /v2/auth/enable', '', 200, '{"enabled":false}'],
      ['PUT /v2/auth/enable', '', 409, 'auth: No root user available, please create one'],
      ['GET /v2/auth/users', '', 200, '{"users":null}'],
      ['PUT /v2/auth/users/root', '{"user":"root","password":"pw"}', 201, '{"user":"root","roles":["root"]}'],
      [
        'PUT /v2/auth/users/root',
        '{"user":"other","password":"pw"}',
        400,
        'User JSON name does not match the name in the URL',
      ],
      [
        'PUT /v2/auth/users/ann',
        '{"user":"ann","password":"pw","roles":["nope"]}',
        200,
        '{"user":"ann","roles":["nope"]}',
      ],
      ['PUT /v2/auth/users/ann', '{"user":"ann","password":"pw"}', 200, '{"user":"ann","roles":["nope"]}'],
      ['PUT /v2/auth/users/ann', '{"user":"ann","grant":["guest"]}', 200, '{"user":"ann","roles":["guest","nope"]}'],
      [
        'PUT /v2/auth/users/ann',
        '{"user":"ann","grant":["guest"]}',
        409,
        'auth: Granting duplicate role guest for user ann',
      ],
      ['PUT /v2/auth/users/ann', '{"user":"ann","revoke":["nope"]}', 200, '{"user":"ann","roles":["guest"]}'],
      ['PUT /v2/auth/users/ann', '{', 400, 'Invalid JSON in request body.'],
      ['GET /v2/auth/users/ann', '', 404, 'auth: Role guest does not exist.'],
      ['GET /v2/auth/users/nope', '', 404, 'auth: User nope does not exist.'],
      [
        'GET /v2/auth/users',
        '',
        200,
        `{"users":[{"user":"ann"},{"user":"root","roles":[{"role":"root","permissions":${ALL}}]}]}`,
      ],
      [
        'PUT /v2/auth/roles/r',
        '{"role":"r","permissions":{"kv":{"read":["/a/*"],"write":["/b"]}}}',
        201,
        '{"role":"r","permissions":{"kv":{"read":["/a/*"],"write":["/b"]}}}',
      ],
      [
        'PUT /v2/auth/roles/r',
        '{"role":"r","grant":{"kv":{"read":["/c"],"write":[]}}}',
        200,
        `{"role":"r","permissions":${OF_R}}`,
      ],
      [
        'PUT /v2/auth/roles/r',
        '{"role":"r","grant":{"kv":{"read":["/c"],"write":[]}}}',
        409,
        'auth: Granting duplicate read permission /c',
      ],
      [
        'PUT /v2/auth/roles/r',
        '{"role":"r","revoke":{"kv":{"read":["/nope"],"write":[]}}}',
        400,
        'auth: Role not updated. Use grant/revoke to update the role.',
      ],
      ['PUT /v2/auth/roles/r', '{"role":"x"}', 400, 'Role JSON name does not match the name in the URL'],
      ['GET /v2/auth/roles/r', '', 200, `{"role":"r","permissions":${OF_R}}`],
      [
        'GET /v2/auth/roles',
        '',
        200,
        `{"roles":[{"role":"r","permissions":${OF_R}},{"role":"root","permissions":${ALL}}]}`,
      ],
      ['GET /v2/auth/roles/nope', '', 404, 'auth: Role nope does not exist.'],
      ['DELETE /v2/auth/roles/root', '', 403, 'auth: Cannot modify role root: is root role.'],
      ['DELETE /v2/auth/roles/nope', '', 404, "auth: Role nope doesn't exist."],
      ['DELETE /v2/auth/users/nope', '', 404, 'auth: User nope does not exist'],
      ['PUT /v2/auth/users/ann', '{"user":"ann","grant":["r"]}', 200, '{"user":"ann","roles":["guest","r"]}'],
      ['PUT /v2/auth/enable', '', 200, ''],
      ['PUT /v2/auth/enable', '', 409, 'auth: already enabled', 'root:pw'],
      ['GET /v2/auth/enable', '', 200, '{"enabled":true}'],
      ['GET /v2/auth/users', '', 401, 'Insufficient credentials'],
      ['GET /v2/auth/users', '', 401, 'Insufficient credentials', 'root:bad'],
      ['GET /v2/auth/users', '', 401, 'Insufficient credentials', 'ann:pw'],
      [
        'GET /v2/auth/users/ann',
        '',
        200,
        `{"user":"ann","roles":[{"role":"guest","permissions":${ALL}},{"role":"r","permissions":${OF_R}}]}`,
        'root:pw',
      ],
      ['DELETE /v2/auth/users/root', '', 403, 'auth: Cannot delete root user while auth is enabled.', 'root:pw'],
      [
        'PUT /v2/auth/roles/guest',
        `{"role":"guest","revoke":${ALL}}`,
        200,
        '{"role":"guest","permissions":{"kv":{"read":[],"write":[]}}}',
        'root:pw',
      ],
      ['GET /v2/keys/t', '', 401, '110 The request requires user authentication (Insufficient credentials)'],
      ['GET /v2/keys/a/x', '', 404, '100 Key not found (/a) @36', 'ann:pw'],
      [
        'PUT /v2/keys/a/x',
        'value=1',
        401,
        '110 The request requires user authentication (Insufficient credentials)',
        'ann:pw',
      ],
      ['PUT /v2/keys/b', 'value=1', 201, 'set /b=1 37/37', 'ann:pw'],
      ['GET /v2/keys/b', '', 401, '110 The request requires user authentication (Insufficient credentials)', 'ann:pw'],
      [
        'PUT /v2/keys/b/c',
        'value=1',
        401,
        '110 The request requires user authentication (Insufficient credentials)',
        'ann:pw',
      ],
      [
        'GET /v2/keys/?recursive=true',
        '',
        401,
        '110 The request requires user authentication (Insufficient credentials)',
        'ann:pw',
      ],
      ['POST /v2/members', '{}', 401, 'Insufficient credentials'],
      ['DELETE /v2/auth/enable', '', 401, 'Insufficient credentials', 'ann:pw'],
      ['DELETE /v2/auth/enable', '', 200, '', 'root:pw'],
      ['DELETE /v2/auth/enable', '', 409, 'auth: already disabled'],
      ['DELETE /v2/auth/users/ann', '', 200, ''],
      ['DELETE /v2/auth/roles/r', '', 200, ''],
    ];
    expect(await wrongAnswers(rows)).toEqual([]);
  }, 60_000);
});

it('the v2 API says what is wrong with forms, types, addresses, users and roles', async () => {
  await using alone = await startCluster({ members: 1, flags: ['--enable-v2'] });
  using own = new V2Http(alone.only.endpoint);
  const rows: readonly Row[] = [
    ['PUT /v2/keys/a', 'value=1;b=2', 400, '210 Invalid POST form (invalid semicolon separator in query)'],
    ['PUT /v2/keys/a?x;y', 'value=1', 400, '210 Invalid POST form (invalid semicolon separator in query)'],
    ['GET /v2/keys/a?&recursive=true&&', '', 404, '100 Key not found (/a) @3'],
    [
      'PUT /v2/keys/a application/x-www-form-urlencoded; charset',
      'value=1',
      400,
      '210 Invalid POST form (mime: invalid media parameter)',
    ],
    [
      'PUT /v2/keys/a application/x-www-form-urlencoded; ;',
      'value=1',
      400,
      '210 Invalid POST form (mime: invalid media parameter)',
    ],
    ['PUT /v2/keys/a text/plain', 'value=1', 201, 'set /a= 4/4'],
    ['PUT /v2/keys/a /', 'value=1', 400, '210 Invalid POST form (mime: no media type)'],
    ['PUT /v2/keys/a x/y; a=b; a=c', 'value=1', 400, '210 Invalid POST form (mime: duplicate parameter name)'],
    // Of several faults: the first, but for separators; the body's before the query's.
    ['PUT /v2/keys/a', 'value=%zz&x;y', 400, '210 Invalid POST form (invalid semicolon separator in query)'],
    ['PUT /v2/keys/a', 'x;y&value=%zz', 400, '210 Invalid POST form (invalid semicolon separator in query)'],
    ['PUT /v2/keys/a', '%yy=1&value=%zz', 400, '210 Invalid POST form (invalid URL escape "%yy")'],
    ['PUT /v2/keys/a?x;y', 'value=%zz', 400, '210 Invalid POST form (invalid URL escape "%zz")'],
    ['PUT /v2/keys/a?q=%zz', 'value=%yy', 400, '210 Invalid POST form (invalid URL escape "%yy")'],
    ['POST /v2/machines', '', 405, 'Method Not Allowed'],
    ['POST /v2/members', '5', 400, `json: cannot unmarshal number into Go value ${OF_PEER_URLS}`],
    ['POST /v2/members', '[]', 400, `json: cannot unmarshal array into Go value ${OF_PEER_URLS}`],
    [
      'POST /v2/members',
      '{"peerURLs":5}',
      400,
      'json: cannot unmarshal number into Go struct field .peerURLs of type []string',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":true}',
      400,
      'json: cannot unmarshal bool into Go struct field .peerURLs of type []string',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":{}}',
      400,
      'json: cannot unmarshal object into Go struct field .peerURLs of type []string',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":[5]}',
      400,
      'json: cannot unmarshal number into Go struct field .peerURLs of type string',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":[[]]}',
      400,
      'json: cannot unmarshal array into Go struct field .peerURLs of type string',
    ],
    ['POST /v2/members', '{"peerURLs":null}', 400, 'no valid URLs given'],
    ['POST /v2/members', 'null', 400, 'no valid URLs given'],
    [
      'POST /v2/members',
      '{"peerURLs":["http://127.0.0.1"]}',
      400,
      'URL address does not have the form "host:port": http://127.0.0.1',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":["http://127.0.0.1:1/x"]}',
      400,
      'URL must not contain a path: http://127.0.0.1:1/x',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":["http://127.0.0.1:x"]}',
      400,
      'parse "http://127.0.0.1:x": invalid port ":x" after host',
    ],
    [
      'POST /v2/members',
      '{"peerURLs":["http://a b:1"]}',
      400,
      'parse "http://a b:1": invalid character " " in host name',
    ],
    ['POST /v2/members', `{"peerURLs":["${alone.only.peerUrl}"]}`, 409, 'membership: peerURL exists'],
    [
      'POST /v2/members application/jsonx',
      '{"peerURLs":["http://127.0.0.1:9"]}',
      415,
      'Bad Content-Type application/jsonx, accept application/json',
    ],
    ['PUT /v2/auth/users/a/b', '{}', 400, 'Invalid path'],
    ['GET /v2/auth/users/a/', '', 404, 'auth: User a does not exist.'],
    ['GET /v2/auth/users/', '', 200, '{"users":null}'],
    ['GET /v2/auth/roles/', '', 200, '{"roles":[{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}]}'],
    ['PUT /v2/auth/users/u', '{"user":"u"}', 400, 'auth: Cannot create user u with an empty password'],
    ['PUT /v2/auth/users/u', '{"user":"u","password":"p"}', 201, '{"user":"u","roles":null}'],
    ['PUT /v2/auth/users/u', '{"user":"u"}', 200, '{"user":"u","roles":[]}'],
    [
      'PUT /v2/auth/users/u',
      '{"user":"u","roles":["r"],"grant":["r"]}',
      400,
      'User JSON contains both roles and grant/revoke',
    ],
    ['PUT /v2/auth/users/u', '{"user":"u","revoke":["nope"]}', 409, 'auth: Revoking ungranted role nope for user u'],
    ['PUT /v2/auth/users/u', '{"user":5}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/users/u', '{"user":"u","roles":5}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/users/u', '{"user":"u","grant":[5]}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/users/u', '[]', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/users/u', '{"user":"u","password":5}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/users/u', '{"user":"u","password":"q"}', 200, '{"user":"u","roles":[]}'],
    [
      'PUT /v2/auth/roles/r',
      '{"role":"r","permissions":{"kv":{"read":["/a"]}},"grant":{"kv":{"read":["/b"]}}}',
      400,
      'Role JSON contains both permissions and grant/revoke',
    ],
    ['PUT /v2/auth/roles/r', '{"role":"r"}', 201, '{"role":"r","permissions":{"kv":{"read":null,"write":null}}}'],
    ['PUT /v2/auth/roles/r', '{"role":"r"}', 409, 'auth: Role r already exists.'],
    ['PUT /v2/auth/roles/r', '{"role":"r","permissions":5}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/roles/r', '{"role":"r","grant":{"kv":{"read":5}}}', 400, 'Invalid JSON in request body.'],
    ['PUT /v2/auth/roles/r', '{"role":"r","permissions":{"kv":{"read":["/z"]}}}', 409, 'auth: Role r already exists.'],
    ['PUT /v2/auth/roles/root', '{"role":"root"}', 403, 'auth: Cannot modify role root: is root role.'],
    [
      'PUT /v2/auth/roles/r',
      '{"role":"r","grant":{"kv":{"read":["a"],"write":["*"]}}}',
      200,
      '{"role":"r","permissions":{"kv":{"read":["a"],"write":["*"]}}}',
    ],
    ['GET /v2/auth/roles/r', '', 200, '{"role":"r","permissions":{"kv":{"read":["a"],"write":["*"]}}}'],
    ['DELETE /v2/auth/users/u', '', 200, ''],
    ['DELETE /v2/auth/roles/r', '', 200, ''],
    ['POST /v2/auth/users/u', '{}', 405, 'Method Not Allowed'],
    ['POST /v2/auth/roles', '{}', 405, 'Method Not Allowed'],
    ['POST /v2/auth/enable', '{}', 405, 'Method Not Allowed'],
  ];
  expect(await wrongAnswers(rows, own)).toEqual([]);
});
