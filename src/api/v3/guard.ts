/**
 * Stands before every handler: who calls, and whether they may. While authentication is off it looks at nothing, but
 * for 3.4, which refuses a token that nobody has even then.
 *
 * What a request needs stands in its handler: `as` where apply or the handler itself checks permissions on keys,
 * `known` for anybody with a name, `root` for root. A service without one of them would be open to all: the permission
 * matrix test goes through every RPC.
 */
import { AuthError } from '../../auth/errors.js';
import type { Identity } from '../../auth/types.js';
import { Code, GrpcError, type Metadata, type ServerCall } from '../../grpc/types.js';
import { differenceOf } from '../../lib/emulate.js';
import { Cluster, Lease, Maintenance } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';

export interface GuardOptions {
  /** Whether the common name of a client's certificate is a user's name (`--client-cert-auth`). */
  readonly commonNames: boolean;
}

type Call = Pick<ServerCall, 'metadata' | 'path' | 'peer'>;

/** While authentication is off 3.4 does not look at the tokens of these. */
const LOOKS_AT_NO_TOKEN: ReadonlySet<string> = new Set(
  [Lease.leaseKeepAlive, Lease.leaseLeases, Lease.leaseTimeToLive, Cluster.memberList, Maintenance.status].map(
    ({ path }) => path,
  ),
).add(Maintenance.moveLeader.path);

export class Guard {
  readonly #checksWhileOff: boolean;

  constructor(
    readonly member: Pick<MemberFace, 'auth' | 'authentication' | 'emulate'>,
    readonly options: GuardOptions,
  ) {
    this.#checksWhileOff = differenceOf('refusesTokensWhileOff', member.emulate);
  }

  /**
   * Runs `run` at once (unless the token's login is still to be applied here), with undefined where nobody is named.
   * Throws or rejects with AuthError.
   */
  as<T>(call: Call, run: (identity: Identity | undefined) => T): T | Promise<Awaited<T>> {
    if (!this.member.auth.isEnabled) {
      if (this.#checksWhileOff) this.#checkWhileOff(call);
      return run(undefined);
    }
    const identity = this.member.authentication.identify({
      token: tokenOf(call.metadata),
      commonName: this.#commonNameOf(call),
    });
    return identity instanceof Promise ? (identity.then(run) as Promise<Awaited<T>>) : run(identity);
  }

  /** Anybody with a name. */
  async known(call: Call): Promise<Identity | undefined> {
    return this.as(call, (identity) => {
      this.member.auth.access.checkKnown(identity);
      return identity;
    });
  }

  async root(call: Call): Promise<Identity | undefined> {
    return this.as(call, (identity) => {
      this.member.auth.access.checkRoot(identity);
      return identity;
    });
  }

  /** As `root`, for the calls whose refusals etcd before 3.6 hands out in the words of its store. */
  async rootForMaintenance(call: Call): Promise<void> {
    await this.#refusingAs('maintenanceRefusesAsStore', this.root(call));
  }

  /** Alarms are for root, but for a look at them. 3.4 refuses in the words of its store. */
  forAlarm(call: Call, options: { readonly looks: boolean }): Promise<Identity | undefined> {
    return this.#refusingAs('alarmRefusesAsStore', options.looks ? this.known(call) : this.root(call));
  }

  async #refusingAs<T>(store: 'maintenanceRefusesAsStore' | 'alarmRefusesAsStore', check: Promise<T>): Promise<T> {
    try {
      return await check;
    } catch (cause) {
      if (!differenceOf(store, this.member.emulate) || !(cause instanceof AuthError)) throw cause;
      throw new GrpcError(Code.Unknown, cause.message, { cause });
    }
  }

  #checkWhileOff(call: Call): void {
    const token = LOOKS_AT_NO_TOKEN.has(call.path) ? undefined : tokenOf(call.metadata);
    if (token !== undefined && token !== '') this.member.authentication.checkKnown(token);
  }

  /** The JSON gateway speaks with its own certificate, which says nothing of its callers (CVE-2018-16886). */
  #commonNameOf(call: Call): string | undefined {
    return this.options.commonNames && !call.metadata.has('grpcgateway-accept') ? call.peer.commonName : undefined;
  }
}

/** `etcd-diff:` etcd takes `Bearer` off from 3.6 on only; no token begins with it. */
export function tokenOf(metadata: Metadata): string | undefined {
  return metadata.get('token')?.[0] ?? metadata.get('authorization')?.[0]?.replace(/^Bearer /, '');
}
