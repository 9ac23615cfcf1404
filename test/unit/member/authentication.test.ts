import { describe, expect, it } from 'vitest';
import { AuthError } from '../../../src/auth/errors.js';
import { SimpleTokens } from '../../../src/auth/simple-tokens.js';
import { AuthStore } from '../../../src/auth/store.js';
import { AbandonedError } from '../../../src/lib/caller.js';
import { type LogFields, type Logger, silentLogger } from '../../../src/lib/logger.js';
import type { Passwords } from '../../../src/lib/passwords.js';
import type { Operation, OperationKind, RequestOf, ResultOf } from '../../../src/member/apply/operation.js';
import { Authentication, bcryptCost, saltOf } from '../../../src/member/services/authentication.js';
import { AuthRoleAddRequest, AuthUserAddRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { fakePasswords } from '../../support/fake-passwords.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { MemoryBackend } from '../../support/memory-backend.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { seededRandom } from '../../support/seeded-random.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** root with the password `secret`; authentication on. `applied` is what the test says. */
function scene(options: { passwords?: Partial<Passwords>; logger?: Logger; clusterVersion?: string } = {}) {
  const backend = new MemoryBackend();
  for (const bucket of ['auth', 'authUsers', 'authRoles'] as const) backend.createBucket(bucket);
  const clock = new ManualClock();
  const random = seededRandom(1);
  const logger = options.logger ?? silentLogger;
  const tokens = new SimpleTokens(random, 300);
  const store = new AuthStore(backend, { logger, tokens, hashNow: () => '' });
  store.addUser(AuthUserAddRequest.create({ name: 'root', hashedPassword: base64('fake$$secret') }), '');
  store.grantRole('root', 'root');
  store.enable();
  const state = { applied: 10, proposed: [] as Operation[], beforeApply: () => {} };
  const authentication = new Authentication({
    store,
    tokens,
    passwords: { ...fakePasswords, ...options.passwords },
    random,
    clock,
    logger,
    bcryptCost: 4,
    timeoutMs: 7000,
    propose: async <K extends OperationKind>(operation: { kind: K; request: RequestOf<K> }) => {
      state.proposed.push(operation as Operation);
      state.beforeApply();
      state.applied++;
      if (operation.kind !== 'authenticate') throw new Error('not a login');
      const { name, simpleToken } = operation.request as RequestOf<'authenticate'>;
      const at = { index: state.applied, nowMs: clock.monotonicMs() };
      return store.authenticate(name, simpleToken, at) as ResultOf<K>;
    },
    linearizable: async () => {},
    applied: () => state.applied,
    clusterVersion: () => options.clusterVersion,
  });
  return { authentication, store, tokens, clock, state };
}

const hashed = (text: string) => ({ password: '', hashedPassword: base64(text) });
const nobody = { token: undefined, commonName: undefined };
const withToken = (token: string) => ({ token, commonName: undefined });
const refused = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (cause) {
    return cause instanceof AuthError ? cause.row : cause;
  }
};
const refusedLater = (run: Promise<unknown>): Promise<unknown> =>
  run.catch((cause: unknown) => (cause instanceof AuthError ? cause.row : cause));

describe('who calls', () => {
  it('is nobody while authentication is off, whatever the call shows', () => {
    const { authentication, store } = scene();
    store.disable();
    expect(authentication.identify({ token: 'bogus.1', commonName: 'root' })).toBeUndefined();
  });

  it('is nobody without a token', () => {
    expect(scene().authentication.identify(nobody)).toBeUndefined();
  });

  it('is whom the certificate names, unless a token says otherwise', async () => {
    const { authentication, store } = scene();
    const token = await authentication.authenticate('root', 'secret');
    expect(authentication.identify({ token: undefined, commonName: 'cn' })).toEqual({
      username: 'cn',
      revision: store.revision,
    });
    expect(authentication.identify({ token, commonName: 'cn' })).toMatchObject({ username: 'root' });
  });

  it('is refused with a token that nobody has', () => {
    expect(refused(() => scene().authentication.identify(withToken('bogus.1')))).toBe('invalidAuthToken');
  });

  it('has to wait for the entry of the login, where that is not applied yet', async () => {
    const { authentication, store, state, clock } = scene();
    const found = authentication.identify(withToken('abcdefghijklmnop.12'));
    expect(found).toBeInstanceOf(Promise);
    let done = false;
    void Promise.resolve(found).then(() => {
      done = true;
    });
    authentication.afterApply(11);
    await settle();
    expect(done).toBe(false);
    store.authenticate('root', 'abcdefghijklmnop', { index: 12, nowMs: clock.monotonicMs() });
    state.applied = 12;
    authentication.afterApply(12);
    expect(await found).toMatchObject({ username: 'root' });
  });

  it('does not wait for ever', async () => {
    const { authentication, clock } = scene();
    const found = refusedLater(Promise.resolve(authentication.identify(withToken('abcdefghijklmnop.4711'))));
    authentication.tick(clock.monotonicMs() + 6999);
    authentication.tick(clock.monotonicMs() + 7000);
    expect(await found).toBe('invalidAuthToken');
  });

  it('does not wait for a member that stops', async () => {
    const { authentication } = scene();
    const found = Promise.resolve(authentication.identify(withToken('abcdefghijklmnop.4711')));
    authentication.stop();
    await expect(found).rejects.toMatchObject({ row: 'stopped' });
  });

  it('waits in a queue with an end', () => {
    const { authentication } = scene();
    const waiting = Array.from({ length: 1000 }, () => authentication.identify(withToken('abcdefghijklmnop.4711')));
    expect(waiting).toHaveLength(1000);
    return expect(authentication.identify(withToken('abcdefghijklmnop.4711'))).rejects.toMatchObject({
      row: 'tooManyRequests',
    });
  });
});

describe('a login', () => {
  it('gives a token, and puts no password into the log (GHSA-528j-9r78-wffx)', async () => {
    const { authentication, state, store } = scene();
    const token = await authentication.authenticate('root', 'secret');
    expect(token).toMatch(/^[a-zA-Z]{16}\.11$/);
    expect(authentication.identify(withToken(token))).toEqual({ username: 'root', revision: store.revision });
    expect(state.proposed).toEqual([
      { kind: 'authenticate', request: { name: 'root', password: '', simpleToken: token.replace('.11', '') } },
    ]);
  });

  it('with a wrong password reaches no log', async () => {
    const { authentication, state } = scene();
    expect(await refusedLater(authentication.authenticate('root', 'wrong'))).toBe('authFailed');
    expect(await refusedLater(authentication.authenticate('zz', 'secret'))).toBe('authFailed');
    expect(state.proposed).toEqual([]);
  });

  it('checks the password again when users changed meanwhile', async () => {
    const { authentication, state, store } = scene();
    state.beforeApply = () => {
      if (state.proposed.length > 1) return;
      store.changePassword({ name: 'root', password: '', hashedPassword: base64('fake$$another') }, '');
    };
    expect(await refusedLater(authentication.authenticate('root', 'secret'))).toBe('authFailed');
    expect(state.proposed).toHaveLength(1);
  });

  it('is done again when something else changed meanwhile', async () => {
    const { authentication, state, store } = scene();
    state.beforeApply = () => {
      if (state.proposed.length === 1) store.addRole(AuthRoleAddRequest.create({ name: 'another' }).name);
    };
    expect(await authentication.authenticate('root', 'secret')).toMatch(/\.12$/);
    expect(state.proposed).toHaveLength(2);
  });

  it('leaves neither password nor token in the log of what happens (CVE-2021-28235, #20941)', async () => {
    const records: string[] = [];
    const note = (message: string, fields?: LogFields): void => {
      records.push(`${message} ${JSON.stringify(fields)}`);
    };
    const logger: Logger = { debug: note, info: note, warn: note, error: note, with: () => logger };
    const { authentication } = scene({ logger });
    const token = await authentication.authenticate('root', 'secret');
    await refusedLater(authentication.authenticate('root', 'wrong-one'));
    refused(() => authentication.identify(withToken('bogus.1')));
    expect(records.length).toBeGreaterThan(2);
    for (const text of [token, token.slice(0, 16), 'secret', 'wrong-one', 'bogus']) {
      expect(records.filter((record) => record.includes(text))).toEqual([]);
    }
  });
});

describe('passwords', () => {
  it('are hashed two at a time, in the order they came', async () => {
    const running: (() => void)[] = [];
    const started: string[] = [];
    const { authentication } = scene({
      passwords: {
        hash: async (password) => {
          started.push(password);
          await new Promise<void>((resolve) => running.push(resolve));
          return password;
        },
      },
    });
    const all = ['a', 'b', 'c', 'd'].map((password) => authentication.passwordForEntry(password));
    await settle();
    expect(started).toEqual(['a', 'b']);
    running[1]?.();
    await settle();
    expect(started).toEqual(['a', 'b', 'c']);
    for (let at = 0; at < 4; at++) {
      running[at]?.();
      await settle();
    }
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'].map(hashed));
  });

  it('are not hashed, nor compared, for callers that have gone, who make room for others', async () => {
    const running: (() => void)[] = [];
    const started: string[] = [];
    const slow = async (password: string) => {
      started.push(password);
      await new Promise<void>((resolve) => running.push(resolve));
    };
    const logger = new RecordingLogger();
    const { authentication, state } = scene({
      logger,
      passwords: {
        verify: async (password) => slow(password).then(() => true),
        hash: async (password) => slow(password).then(() => password),
      },
    });
    const gone = { aborted: false };
    const first = ['a', 'b'].map((password) => authentication.authenticate('root', password));
    await settle();
    // As many as may wait.
    const left = Array.from({ length: 1000 }, (_, at) =>
      at % 2 === 0
        ? authentication.authenticate('root', 'gone', { caller: gone })
        : authentication.passwordForEntry('gone', gone),
    );
    const all = Promise.allSettled(left);
    await settle();
    await expect(authentication.passwordForEntry('too many')).rejects.toThrow('too many requests');
    gone.aborted = true;
    const last = authentication.passwordForEntry('last');
    for (const { reason } of (await all) as PromiseRejectedResult[]) expect(reason).toBeInstanceOf(AbandonedError);
    running[0]?.();
    await settle();
    expect(started).toEqual(['a', 'b', 'last']);
    for (const at of [1, 2]) running[at]?.();
    expect(await last).toEqual(hashed('last'));
    await Promise.all(first);
    expect(state.proposed).toHaveLength(2);
    // Nobody gave a wrong password.
    expect(logger.records.filter(({ message }) => message.includes('invalid'))).toEqual([]);
  });

  /** Each password is hashed once its function in `running` is called. */
  function hashedOneByOne() {
    const running: (() => void)[] = [];
    const hash = async (password: string) => {
      await new Promise<void>((resolve) => running.push(resolve));
      return password;
    };
    return { ...scene({ passwords: { hash } }), running };
  }

  it('of callers that go while they wait for their turn are passed over', async () => {
    const { authentication, running } = hashedOneByOne();
    const caller = { aborted: false };
    const [, , gone, next] = [
      authentication.passwordForEntry('a'),
      authentication.passwordForEntry('b'),
      authentication.passwordForEntry('gone', caller),
      authentication.passwordForEntry('next'),
    ];
    caller.aborted = true;
    const failed = expect(gone).rejects.toThrow(AbandonedError);
    running[0]?.();
    await failed;
    await settle();
    running[2]?.();
    expect(await next).toEqual(hashed('next'));
  });

  it('of callers that still wait are hashed, however many beside them have gone', async () => {
    const { authentication, running } = hashedOneByOne();
    const hashOf = (caller?: { aborted: boolean }) => authentication.passwordForEntry('x', caller).catch(() => 'gone');
    const gone = { aborted: false };
    const first = [hashOf(), hashOf()];
    const waiting = Array.from({ length: 1000 }, (_, at) => hashOf(at < 997 ? gone : { aborted: false }));
    gone.aborted = true;
    // One too many: those that have gone make room.
    const all = [...first, ...waiting.slice(997), hashOf()];
    for (let at = 0; at < all.length; at++) {
      await settle();
      running[at]?.();
    }
    expect(await Promise.all(all)).toEqual(all.map(() => hashed('x')));
    expect(new Set(await Promise.all(waiting.slice(0, 997)))).toEqual(new Set(['gone']));
  });

  it('that fail make room like others', async () => {
    const { authentication } = scene({
      passwords: {
        hash: async () => {
          throw new Error('no memory');
        },
      },
    });
    for (let at = 0; at < 3; at++) await expect(authentication.passwordForEntry('x')).rejects.toThrow('no memory');
  });

  it('longer than 72 bytes are refused, as Go does', async () => {
    const { authentication } = scene();
    await expect(authentication.passwordForEntry('ä'.repeat(37))).rejects.toThrow(
      'bcrypt: password length exceeds 72 bytes',
    );
    await expect(authentication.passwordForEntry('a'.repeat(73))).rejects.toThrow('exceeds 72 bytes');
    expect((await authentication.passwordForEntry('ä'.repeat(36))).hashedPassword).not.toBe('');
  });

  it('stay as they are for a cluster that may have a 3.4, which knows no hashes', async () => {
    const { authentication } = scene({ clusterVersion: '3.4.0' });
    expect(await authentication.passwordForEntry('secret')).toEqual({ password: 'secret', hashedPassword: '' });
    const { authentication: newer } = scene({ clusterVersion: '3.5.0' });
    expect(await newer.passwordForEntry('secret')).toMatchObject({ password: '' });
  });

  it('cost what was asked for, or the default', () => {
    expect(bcryptCost(4, silentLogger)).toBe(4);
    expect(bcryptCost(31, silentLogger)).toBe(31);
    for (const none of [0, 3, 32, -1]) expect(bcryptCost(none, silentLogger)).toBe(10);
  });

  it('of old entries get a salt that follows from the entry', () => {
    expect(saltOf('a')).toHaveLength(16);
    expect(saltOf('a')).toEqual(saltOf('a'));
    expect(saltOf('a')).not.toEqual(saltOf('b'));
  });
});
