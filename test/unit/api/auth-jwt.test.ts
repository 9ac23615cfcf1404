import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { osRandom } from '../../../src/lib/os/random.js';
import { Auth, AuthUserAddRequest, KV, PutRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { makeTokens } from '../../../src/start/auth-tokens.js';
import { startCluster } from '../../support/cluster.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-jwt-'));
const [privateKey, publicKey] = ['private.pem', 'public.pem'].map((name) => join(folder, name)) as [string, string];

beforeAll(() => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  writeFileSync(privateKey, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('a member with JSON web tokens takes them until the store moves on, also after a restart', async () => {
  const flag = `--auth-token=jwt,sign-method=ES256,priv-key=${privateKey},pub-key=${publicKey}`;
  await using cluster = await startCluster({ members: 1, flags: ['--bcrypt-cost=4', flag] });
  const served = cluster.only;
  const first = served.connect();
  await first.unary(Auth.userAdd, AuthUserAddRequest.create({ name: 'root', password: 'pw' }));
  await first.unary(Auth.userGrantRole, { user: 'root', role: 'root' });
  await first.unary(Auth.authEnable, {});
  const { token } = await first.unary(Auth.authenticate, { name: 'root', password: 'pw' });
  expect(token.split('.')).toHaveLength(3);
  const options = { metadata: new Map([['token', [token]]]) };
  const put = PutRequest.create({ key: Buffer.from('a') });
  await first.unary(KV.put, put, options);

  await served.restart();
  const second = served.connect();
  await second.unary(KV.put, put, options);
  await second.unary(Auth.roleAdd, { name: 'some' }, options);
  await expect(second.unary(KV.put, put, options)).rejects.toThrow('etcdserver: revision of auth store is old');
  await expect(second.unary(KV.txn, { compare: [], success: [], failure: [] }, options)).rejects.toThrow(
    'etcdserver: revision of auth store is old',
  );
});

it('a member that has only the public key cannot log anybody in', () => {
  const login = { username: 'a', prefix: '', index: 1, revision: 1 };
  const options = { authToken: `jwt,sign-method=ES256,pub-key=${publicKey}`, authTokenTtlSeconds: 0 };
  const tokens = makeTokens(options, { random: osRandom, logger: silentLogger });
  expect(() => tokens.tokenOf(login, 0)).toThrow('verify-only');
});

it('a refusal is told before it ends the start', () => {
  const logger = new RecordingLogger();
  const options = { authToken: 'jwt,sign-method=ES256,pub-key=/nowhere', authTokenTtlSeconds: 0 };
  expect(() => makeTokens(options, { random: osRandom, logger })).toThrow('auth: invalid auth options');
  expect(logger.records.map(({ level, message, fields }) => [level, message, fields])).toEqual([
    ['error', 'problem loading JWT options', { error: 'open /nowhere: no such file or directory' }],
    ['warn', 'failed to create token provider', { error: 'auth: invalid auth options' }],
  ]);
});

it.each([
  ['no such kind', 'foo', 'auth: invalid auth options'],
  ['a file that is not there', `jwt,sign-method=ES256,priv-key=${folder}/none`, 'auth: invalid auth options'],
  ['no key', 'jwt,sign-method=ES256', 'auth: missing key data'],
])('a member does not start with %s', async (_what, authToken, message) => {
  await expect(startCluster({ members: 1, flags: [`--auth-token=${authToken}`] })).rejects.toThrow(message);
});
