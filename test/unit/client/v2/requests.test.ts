/** What each call about users, roles and members asks for, what it makes of the answer, and which statuses it takes. */
import { describe, expect, it } from 'vitest';
import { V2Client } from '../../../../src/client/v2/client.js';
import type { HttpAnswer, HttpAsk } from '../../../../src/lib/http-client.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { readBody } from '../../../support/read-body.js';

function clientOf(status: number, body: string, endpoints = ['http://a:1']) {
  const clock = new ManualClock();
  const asked: HttpAsk[] = [];
  const answer = { status, body };
  const client = new V2Client(
    { endpoints },
    {
      clock,
      random: { below: (bound) => bound - 1, uint64: () => 0n },
      http: () => ({
        async ask(ask): Promise<HttpAnswer> {
          asked.push(ask);
          const chunks = (async function* () {
            yield Buffer.from(answer.body);
          })();
          return { status: answer.status, headers: {}, fields: [], body: chunks, read: readBody(chunks), discard() {} };
        },
        close: async () => {},
      }),
    },
  );
  return { client, clock, asked, answer };
}

const role = '{"role":"r","permissions":{"kv":{"read":["/a"],"write":["/b"]}}}';
const member = '{"id":"1","name":"n","peerURLs":["http://p:1"],"clientURLs":["http://c:1"]}';
const asMember = { id: '1', name: 'n', peerURLs: ['http://p:1'], clientURLs: ['http://c:1'] };
const asRole = { role: 'r', read: ['/a'], write: ['/b'] };
const kv = (read: string, write: string): string => `{"kv":{"read":${read},"write":${write}}}`;

type Row = readonly [
  what: string,
  call: (client: V2Client) => Promise<unknown>,
  request: string,
  body: string | undefined,
  status: number,
  answer: string,
  result: unknown,
];

const rows: readonly Row[] = [
  ['enable', ({ auth }) => auth.enable(), 'PUT /auth/enable', undefined, 200, '', undefined],
  ['disable', ({ auth }) => auth.disable(), 'DELETE /auth/enable', undefined, 200, '', undefined],
  ['on', ({ auth }) => auth.isEnabled(), 'GET /auth/enable', undefined, 200, '{"enabled":true}', true],
  ['off', ({ auth }) => auth.isEnabled(), 'GET /auth/enable', undefined, 200, '{"enabled":false}', false],
  [
    'users',
    ({ auth }) => auth.users(),
    'GET /auth/users',
    undefined,
    200,
    '{"users":[{"user":"a"},{"user":"b"}]}',
    ['a', 'b'],
  ],
  [
    'user',
    ({ auth }) => auth.user('a'),
    'GET /auth/users/a',
    undefined,
    200,
    '{"user":"a","roles":[{"role":"r"}]}',
    { user: 'a', roles: ['r'] },
  ],
  [
    'user of names',
    ({ auth }) => auth.user('a'),
    'GET /auth/users/a',
    undefined,
    200,
    '{"user":"a","roles":["r"]}',
    { user: 'a', roles: ['r'] },
  ],
  [
    'add a user',
    ({ auth }) => auth.addUser('a', 'p'),
    'PUT /auth/users/a',
    '{"user":"a","password":"p","roles":null}',
    201,
    '{}',
    undefined,
  ],
  ['remove a user', ({ auth }) => auth.removeUser('a'), 'DELETE /auth/users/a', undefined, 200, '', undefined],
  [
    'password',
    ({ auth }) => auth.changePassword('a', 'q'),
    'PUT /auth/users/a',
    '{"user":"a","password":"q","roles":null}',
    200,
    '{}',
    undefined,
  ],
  [
    'grant roles',
    ({ auth }) => auth.grantRoles('a', ['r']),
    'PUT /auth/users/a',
    '{"user":"a","roles":null,"grant":["r"]}',
    200,
    '{}',
    undefined,
  ],
  [
    'revoke roles',
    ({ auth }) => auth.revokeRoles('a', ['r']),
    'PUT /auth/users/a',
    '{"user":"a","roles":null,"revoke":["r"]}',
    200,
    '{}',
    undefined,
  ],
  ['roles', ({ auth }) => auth.roles(), 'GET /auth/roles', undefined, 200, `{"roles":[${role}]}`, ['r']],
  ['role', ({ auth }) => auth.role('r'), 'GET /auth/roles/r', undefined, 200, role, asRole],
  [
    'add a role',
    ({ auth }) => auth.addRole('r'),
    'PUT /auth/roles/r',
    `{"role":"r","permissions":${kv('null', 'null')}}`,
    201,
    role,
    undefined,
  ],
  ['remove a role', ({ auth }) => auth.removeRole('r'), 'DELETE /auth/roles/r', undefined, 200, '', undefined],
  [
    'grant reading',
    ({ auth }) => auth.grantAccess('r', ['/a'], 'read'),
    'PUT /auth/roles/r',
    `{"role":"r","permissions":${kv('null', 'null')},"grant":${kv('["/a"]', 'null')}}`,
    200,
    role,
    asRole,
  ],
  [
    'grant writing',
    ({ auth }) => auth.grantAccess('r', ['/a'], 'write'),
    'PUT /auth/roles/r',
    `{"role":"r","permissions":${kv('null', 'null')},"grant":${kv('null', '["/a"]')}}`,
    200,
    role,
    asRole,
  ],
  [
    'revoke both',
    ({ auth }) => auth.revokeAccess('r', ['/a'], 'readwrite'),
    'PUT /auth/roles/r',
    `{"role":"r","permissions":${kv('null', 'null')},"revoke":${kv('["/a"]', '["/a"]')}}`,
    200,
    role,
    asRole,
  ],
  ['members', ({ members }) => members.list(), 'GET /members', undefined, 200, `{"members":[${member}]}`, [asMember]],
  ['leader', ({ members }) => members.leader(), 'GET /members/leader', undefined, 200, member, asMember],
  [
    'add a member',
    ({ members }) => members.add(['http://2.2.2.2:1', ' http://1.1.1.1:1']),
    'POST /members',
    '{"peerURLs":["http://1.1.1.1:1","http://2.2.2.2:1"]}',
    201,
    member,
    asMember,
  ],
  [
    'update a member',
    ({ members }) => members.update('1', ['http://1.1.1.1:1']),
    'PUT /members/1',
    '{"peerURLs":["http://1.1.1.1:1"]}',
    204,
    '',
    undefined,
  ],
  ['remove a member', ({ members }) => members.remove('1'), 'DELETE /members/1', undefined, 204, '', undefined],
  ['remove one that is gone', ({ members }) => members.remove('1'), 'DELETE /members/1', undefined, 410, '', undefined],
];

describe('a v2 client', () => {
  it.each(rows)('asks and is answered: %s', async (_, call, request, body, status, answer, result) => {
    const { client, asked } = clientOf(status, answer);
    expect(await call(client)).toEqual(result);
    const [method, path] = request.split(' ');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method, url: `http://a:1/v2${path}` });
    expect(asked[0]?.body === undefined ? undefined : String(asked[0].body)).toBe(body);
    expect(asked[0]?.headers?.['content-type']).toBe(body === undefined ? undefined : 'application/json');
  });

  it.each(rows)('rejects with a refusal: %s', async (_, call, _request, _body, _status, _answer, _result) => {
    const { client } = clientOf(409, '{"message":"no"}');
    await expect(call(client)).rejects.toThrow(/^(no|unexpected status code 409)$/);
  });

  it('changes no user that there was not: one that was made instead is an error', async () => {
    const { client } = clientOf(201, '{}');
    await expect(client.auth.changePassword('a', 'q')).rejects.toThrow();
    await expect(client.auth.grantRoles('a', ['r'])).rejects.toThrow();
  });

  it('looks for the endpoints at each interval until it is stopped', async () => {
    const { client, clock, asked } = clientOf(200, `{"members":[${member}]}`);
    const stop = new AbortController();
    const syncing = client.autoSync(1000, stop.signal).catch((error: Error) => error.message);
    await settle();
    expect(asked).toHaveLength(1);
    await clock.advance(999);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    await clock.advance(1000);
    expect(asked).toHaveLength(3);
    expect(client.endpoints).toEqual(['http://c:1']);
    stop.abort(new Error('enough'));
    expect(await syncing).toBe('enough');
    expect(clock.pending).toBe(0);
  });
});
