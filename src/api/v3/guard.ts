/**
 * Stands before every handler: who calls, and whether they may. While authentication is off it looks at nothing.
 *
 * What a request needs stands in its handler: `as` where apply or the handler itself checks permissions on keys,
 * `known` for anybody with a name, `root` for root. A service without one of them would be open to all: the permission
 * matrix test goes through every RPC.
 */
import { AuthError } from '../../auth/errors.js';
import type { Identity } from '../../auth/types.js';
import { Code, GrpcError, type Metadata, type ServerCall } from '../../grpc/types.js';
import { differenceOf } from '../../lib/emulate.js';
import type { MemberFace } from './face.js';

export interface GuardOptions {
  /** Whether the common name of a client's certificate is a user's name (`--client-cert-auth`). */
  readonly commonNames: boolean;
}

type Call = Pick<ServerCall, 'metadata' | 'peer'>;

export class Guard {
  constructor(
    readonly member: Pick<MemberFace, 'auth' | 'authentication' | 'emulate'>,
    readonly options: GuardOptions,
  ) {}

  /**
   * Runs `run` at once (unless the token's login is still to be applied here), with undefined where nobody is named.
   * Throws or rejects with AuthError.
   */
  as<T>(call: Call, run: (identity: Identity | undefined) => T): T | Promise<Awaited<T>> {
    if (!this.member.auth.isEnabled) return run(undefined);
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
    try {
      await this.root(call);
    } catch (cause) {
      const asStore = differenceOf('maintenanceRefusesAsStore', this.member.emulate);
      if (asStore && cause instanceof AuthError) throw new GrpcError(Code.Unknown, cause.message, { cause });
      throw cause;
    }
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
