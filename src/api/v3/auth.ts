/**
 * Auth: users, roles, permissions, tokens. Everything but Authenticate and AuthStatus goes through the log as the
 * caller's request and is permitted or refused as it is applied. New passwords are hashed before: no entry, and so no
 * log or snapshot, has one (GHSA-528j-9r78-wffx), unless a 3.4 may have to read it.
 */
import { ROOT_ROLE } from '../../auth/records.js';
import type { ServerCall } from '../../grpc/types.js';
import { differenceOf } from '../../lib/emulate.js';
import type { AuthKind } from '../../member/apply/auth-requests.js';
import type { RequestOf } from '../../member/apply/operation.js';
import { compareMinor } from '../../member/membership/minor-version.js';
import { Permission, Permission_Type } from '../../proto/gen/authpb.js';
import type { Auth } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import type { Handlers } from './service.js';

/** What the role `root` may, whatever was granted to it. */
const allKeys = Permission.create({ permType: Permission_Type.READWRITE, rangeEnd: Buffer.of(0) });

/** The first version whose members know the entry that asks for the status. */
const KNOWS_STATUS = '3.5.0';

export function authHandlers(member: MemberFace, guard: Guard): Handlers<typeof Auth> {
  const header = () => member.header(member.currentRevision);
  /** What apply gave, under a header of ours with the revision of that moment. */
  const through = async <K extends Exclude<AuthKind, 'authenticate'>>(
    call: ServerCall,
    kind: K,
    request: RequestOf<K>,
  ) => {
    const response = await guard.as(call, (identity) =>
      member.propose({ kind, request }, { identity, caller: call, trace: call.trace }),
    );
    return { ...response, header: member.header(response.header?.revision ?? 0) };
  };
  const readStatus = async (call: ServerCall) => {
    await guard.as(call, () => {});
    await member.reads.linearizable(call);
    const { isEnabled: enabled, revision: authRevision } = member.auth;
    return { enabled, authRevision, header: header() };
  };
  return {
    authEnable: (request, call) => through(call, 'authEnable', request),
    authDisable: (request, call) => through(call, 'authDisable', request),
    /** `etcd-diff:` a read like others while members of 3.4 may be there, which end in a panic at etcd's entry. */
    async authStatus(request, call) {
      const { version = '' } = member.cluster;
      const isEntry = compareMinor(version, KNOWS_STATUS) >= 0;
      const status = await (isEntry ? through(call, 'authStatus', request) : readStatus(call));
      if (!differenceOf('authStatusForAll', member.emulate)) await guard.root(call);
      return status;
    },

    async authenticate({ name, password }, call) {
      const options = { caller: call, trace: call.trace };
      return { token: await member.authentication.authenticate(name, password, options), header: header() };
    },

    /** `etcd-diff:` who may not do it does not make us hash; etcd hashes first, and its log refuses. */
    async userAdd(request, call) {
      await guard.root(call);
      const hidden =
        request.options?.noPassword === true
          ? { password: '', hashedPassword: '' }
          : await member.authentication.passwordForEntry(request.password, call);
      return through(call, 'authUserAdd', { ...request, ...hidden });
    },
    userGet: (request, call) => through(call, 'authUserGet', request),
    userList: (request, call) => through(call, 'authUserList', request),
    userDelete: (request, call) => through(call, 'authUserDelete', request),
    /** An empty password becomes an empty hash, which nothing fits. */
    async userChangePassword(request, call) {
      await guard.root(call);
      const { password } = request;
      const hidden = password === '' ? {} : await member.authentication.passwordForEntry(password, call);
      return through(call, 'authUserChangePassword', { ...request, ...hidden });
    },
    userGrantRole: (request, call) => through(call, 'authUserGrantRole', request),
    userRevokeRole: (request, call) => through(call, 'authUserRevokeRole', request),

    roleAdd: (request, call) => through(call, 'authRoleAdd', request),
    async roleGet(request, call) {
      const response = await through(call, 'authRoleGet', request);
      const tellsAll = request.role === ROOT_ROLE && differenceOf('rootRoleTellsAllKeys', member.emulate);
      return tellsAll ? { ...response, perm: [allKeys] } : response;
    },
    roleList: (request, call) => through(call, 'authRoleList', request),
    roleDelete: (request, call) => through(call, 'authRoleDelete', request),
    roleGrantPermission: (request, call) => through(call, 'authRoleGrantPermission', request),
    roleRevokePermission: (request, call) => through(call, 'authRoleRevokePermission', request),
  };
}
