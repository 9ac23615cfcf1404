/**
 * Users of a run, and what they may. `root` and `worker` may do everything their work needs, `guest` nothing at all:
 * one that is answered after authentication was turned on was let in. In some runs it is turned off now and then; then
 * nobody can say when it is on, since a request without an answer may be carried out any time.
 */
import { AuthError } from '../../../src/auth/errors.js';
import type { Identity } from '../../../src/auth/types.js';
import type { Random } from '../../../src/lib/random.js';
import type { Member } from '../../../src/member/member.js';
import { Permission_Type as PermissionType } from '../../../src/proto/gen/authpb.js';
import { chance, pick } from '../raft/draws.js';
import { must } from '../raft/violation.js';
import type { SimCluster } from './cluster.js';

export type User = 'root' | 'worker' | 'guest';

/** Who calls: the token is got where it is needed, and anew where it is no longer known. */
export class Caller {
  #token: string | undefined;

  constructor(readonly user: User) {}

  /** As a call's guard has it. Rejects with AuthError. */
  async at(member: Member): Promise<Identity | undefined> {
    const { authentication, auth } = member;
    if (!auth.isEnabled) return undefined;
    this.#token ??= await authentication.authenticate(this.user, passwordOf(this.user));
    try {
      return await authentication.identify({ token: this.#token, commonName: undefined });
    } catch (cause) {
      this.#token = undefined;
      throw cause;
    }
  }
}

const passwordOf = (user: User): string => `the password of ${user}`;

/** The work of `worker`: registers, and keys that hang on leases. */
const EVERYTHING = { permType: PermissionType.READWRITE, key: Buffer.from('a'), rangeEnd: Buffer.from('zz') };
/** Given and taken all the time; guests are none of them. */
const ROLES = ['spare', 'other'] as const;

export class Accounts {
  changes = 0;
  /** Since when nobody without a permission may be answered; undefined where that is not sure. */
  #onSinceMs: number | undefined;
  readonly #root = new Caller('root');
  readonly #turnsOff: boolean;

  constructor(
    readonly cluster: SimCluster,
    readonly random: Random,
  ) {
    this.#turnsOff = chance(random, 400);
  }

  /** Never resolves. */
  async run(): Promise<void> {
    const { cluster, random } = this;
    await cluster.work();
    await this.#patiently('authUserAdd', userOf('root'));
    await this.#patiently('authRoleAdd', { name: 'root' });
    await this.#patiently('authUserGrantRole', { user: 'root', role: 'root' });
    await this.#patiently('authRoleAdd', { name: 'worker' });
    await this.#patiently('authRoleGrantPermission', { name: 'worker', perm: EVERYTHING });
    await this.#patiently('authUserAdd', userOf('worker'));
    await this.#patiently('authUserGrantRole', { user: 'worker', role: 'worker' });
    await this.#patiently('authUserAdd', userOf('guest'));
    for (;;) {
      await this.#patiently('authEnable', {});
      if (!this.#turnsOff) this.#onSinceMs ??= cluster.world.monotonicMs();
      for (let i = 0; i < 8; i++) {
        await cluster.world.sleep(200 + random.below(2000));
        await cluster.work();
        await this.#something().catch(() => {});
      }
      if (this.#turnsOff) await this.#patiently('authDisable', {});
    }
  }

  /** A guest was answered what began at `beganMs`. */
  answeredGuest(beganMs: number, what: () => string): void {
    const sinceMs = this.#onSinceMs;
    must(sinceMs === undefined || beganMs < sinceMs, 'nobody does what they may not', what);
  }

  async #something(): Promise<void> {
    const { random } = this;
    const role = pick(random, ROLES) ?? 'spare';
    const user = chance(random, 500) ? 'worker' : 'temporary';
    const key = Buffer.from(`k${random.below(6)}`);
    switch (random.below(9)) {
      case 0:
        return this.#ask('authRoleAdd', { name: role });
      case 1:
        return this.#ask('authRoleDelete', { role });
      case 2:
        return this.#ask('authUserGrantRole', { user, role });
      case 3:
        return this.#ask('authUserRevokeRole', { name: user, role });
      case 4:
        return this.#ask('authRoleGrantPermission', {
          name: role,
          perm: { permType: PermissionType.READ, key, rangeEnd: Buffer.alloc(0) },
        });
      case 5:
        return this.#ask('authRoleRevokePermission', { role, key, rangeEnd: Buffer.alloc(0) });
      case 6:
        return this.#ask('authUserAdd', { ...userOf('guest'), name: 'temporary' });
      case 7:
        return this.#ask('authUserDelete', { name: 'temporary' });
      default:
        return this.#ask('authUserChangePassword', userOf('worker'));
    }
  }

  /** Until it is done, or turns out to have been. */
  async #patiently(kind: Parameters<Member['propose']>[0]['kind'], request: object): Promise<void> {
    const { cluster } = this;
    for (;;) {
      try {
        await this.#ask(kind, request);
        return;
      } catch (cause) {
        if (cause instanceof AuthError && DONE_ALREADY.has(cause.row)) return;
      }
      await cluster.world.sleep(300);
    }
  }

  async #ask(kind: Parameters<Member['propose']>[0]['kind'], request: object): Promise<void> {
    const { cluster, random } = this;
    const life = cluster.someServing(random);
    if (life === undefined) throw new Error('nobody serves');
    await cluster.call(life, async (member) => {
      const identity = await this.#root.at(member);
      const operation = { kind, request } as Parameters<Member['propose']>[0];
      await member.propose(operation, { identity });
    });
    this.changes++;
  }
}

const DONE_ALREADY: ReadonlySet<string> = new Set(['userAlreadyExists', 'roleAlreadyExists', 'authNotEnabled']);

/** The password is hashed as by `fakePasswords`. */
function userOf(user: User): object {
  const hashedPassword = Buffer.from(`fake$00$${passwordOf(user)}`, 'latin1').toString('base64');
  return { name: user, password: '', hashedPassword, options: undefined };
}
