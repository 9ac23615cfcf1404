/** The v2 API of a member: what its handlers need, out of the member's parts. */
import type { TargetHandler } from '../api/http/router.js';
import type { V2Members, V2Observer, V2Passwords } from '../api/v2/answers/types.js';
import { v2Handler } from '../api/v2/handler.js';
import { V2OverV3 } from '../api/v2/over-v3/server.js';
import type { MemberOptions } from '../config/member-options.js';
import { differenceOf } from '../lib/emulate.js';
import { latin1Text } from '../lib/latin1.js';
import type { Logger } from '../lib/logger.js';
import { osPasswords } from '../lib/os/passwords.js';
import { osRandom } from '../lib/os/random.js';
import type { Member } from '../member/member.js';

/** As etcd's: `--bcrypt-cost` is for v3. */
const BCRYPT_COST = 10;
/** 16 bytes. */
const SALT_WORDS = 2;

function salt(): Uint8Array {
  const bytes = Buffer.alloc(8 * SALT_WORDS);
  for (let word = 0; word < SALT_WORDS; word++) bytes.writeBigUInt64BE(osRandom.uint64(), 8 * word);
  return bytes;
}

const passwords: V2Passwords = {
  hash: (password) => osPasswords.hash(password, { cost: BCRYPT_COST, salt: salt() }),
  verify: (password, hash) => osPasswords.verify(password, hash),
};

/** None where v2 is off: its paths are then unknown ones. */
export function v2Handlers(
  member: Member,
  options: MemberOptions,
  { observer, logger }: { readonly observer: V2Observer; readonly logger: Logger },
): TargetHandler[] {
  if (!options.enableV2) return [];
  if (differenceOf('warnsOfV2Options', options.emulate)) {
    logger.warn('Flag `enable-v2` is deprecated and will get removed in etcd 3.6.');
  }
  const { cluster, v2, v2Stats } = member;
  const prefix = options.v2OverV3Prefix;
  const source = prefix === '' ? v2 : new V2OverV3(member, latin1Text(Buffer.from(prefix)));
  return [
    v2Handler({
      server: {
        clusterIdHex: cluster.id.toString(16),
        nowNs: () => v2.nowNs,
        do: (request) => source.do(request),
        valueAt: (path) => source.valueAt(path),
        nowMs: () => member.clock.monotonicMs(),
        observer,
      },
      members: membersOf(member),
      stats: v2Stats,
      passwords,
      commonNames: options.clientTls.clientCertAuth === true,
    }),
  ];
}

function membersOf({ cluster, leadership, changes }: Member): V2Members {
  return {
    members: () => cluster.members,
    leader: () => cluster.get(leadership.lead),
    isRemoved: (id) => cluster.isRemoved(id),
    async add(peerURLs) {
      return (await changes.add(changes.checkUrls(peerURLs), { isLearner: false })).member;
    },
    async update(id, peerURLs) {
      await changes.update(id, peerURLs);
    },
    async remove(id) {
      await changes.remove(id);
    },
  };
}
