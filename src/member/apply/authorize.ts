/**
 * What a caller must be permitted for a request to be carried out. The same rules hold where entries are applied and
 * where reads are served. All of it passes while authentication is off. Source: etcd's apply_auth.go and v3_server.go;
 * what is checked where, and how it is refused, was recorded from 3.5.30.
 */

import type { AuthStore } from '../../auth/store.js';
import type { Identity } from '../../auth/types.js';
import type { Lessor } from '../../lease/lessor.js';
import type { LeaseId } from '../../lib/ids.js';
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../../proto/gen/etcdserverpb.js';

const pointEnd = new Uint8Array(0);

export class Authorizer {
  constructor(
    readonly auth: AuthStore,
    readonly lessor: Lessor,
  ) {}

  isRoot(identity: Identity | undefined): boolean {
    return this.auth.access.isRoot(identity);
  }

  /** Also read permission where the old pair is shown, and the right to revoke the lease (GHSA-x35m-3gp4-4fh5). */
  checkPut(identity: Identity | undefined, request: PutRequest): void {
    this.auth.access.checkWrite(identity, request.key, pointEnd);
    if (request.lease !== 0n) this.checkLeaseWrite(identity, request.lease);
    if (request.prevKv) this.auth.access.checkRead(identity, request.key, pointEnd);
  }

  checkDeleteRange(identity: Identity | undefined, request: DeleteRangeRequest): void {
    this.auth.access.checkWrite(identity, request.key, request.rangeEnd);
    if (request.prevKv) this.auth.access.checkRead(identity, request.key, request.rangeEnd);
  }

  /** Both branches, whichever will run, and all that is nested in them (GHSA-rfx7-8w68-q57q). */
  checkTxn(identity: Identity | undefined, request: TxnRequest): void {
    for (const { key, rangeEnd } of request.compare) this.auth.access.checkRead(identity, key, rangeEnd);
    for (const op of request.success) this.#checkOp(identity, op);
    for (const op of request.failure) this.#checkOp(identity, op);
  }

  /** Who revokes or renews a lease, or adds a key to it, decides on the life of all its keys. */
  checkLeaseWrite(identity: Identity | undefined, lease: LeaseId): void {
    if (this.auth.access.isRoot(identity)) return;
    for (const key of this.lessor.keysOf(lease))
      this.auth.access.checkWrite(identity, Buffer.from(key, 'latin1'), pointEnd);
  }

  /** To see the keys of a lease (GHSA-3p4g-rcw5-8298). */
  checkLeaseRead(identity: Identity | undefined, lease: LeaseId): void {
    for (const key of this.lessor.keysOf(lease))
      this.auth.access.checkRead(identity, Buffer.from(key, 'latin1'), pointEnd);
  }

  /** Users may look at themselves. */
  checkUserGet(identity: Identity | undefined, name: string): void {
    if (identity?.username !== name) this.auth.access.checkRoot(identity);
  }

  /** … and at the roles they have. */
  checkRoleGet(identity: Identity | undefined, role: string): void {
    if (identity === undefined || !this.auth.access.hasRole(identity.username, role))
      this.auth.access.checkRoot(identity);
  }

  #checkOp(identity: Identity | undefined, { request }: RequestOp): void {
    switch (request.case) {
      case 'requestRange':
        this.auth.access.checkRead(identity, request.value.key, request.value.rangeEnd);
        return;
      case 'requestPut':
        this.checkPut(identity, request.value);
        return;
      case 'requestDeleteRange':
        this.checkDeleteRange(identity, request.value);
        return;
      case 'requestTxn':
        this.checkTxn(identity, request.value);
        return;
      case undefined:
        return;
    }
  }
}
