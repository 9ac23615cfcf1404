/**
 * CPU of the consensus core alone: `npx tsx bench/raft.ts`. All nodes of a group run in this process, storage in
 * memory, messages handed over as they are.
 *
 * 1. A group of 3, batches of 100 proposals: one call with 100 entries each, as the member's loop does, and 100 calls
 *    with one entry each.
 * 2. A leader with 7 followers and a growing number of entries in flight: the time per entry must stay the same.
 * 3. The codec: one MsgApp with an entry of 256 bytes.
 */
import { MemoryStorage } from '../src/raft/log/memory-storage.js';
import { RawNode } from '../src/raft/rawnode.js';
import { silentRaftLogger } from '../src/raft/world/logger.js';
import { messageCodec } from '../src/raftpb/codec.js';
import { MessageType, makeConfState, makeEntry, makeMessage, makeSnapshot } from '../src/raftpb/types.js';

const payload = Buffer.alloc(256, 'x');

class BenchGroup {
  readonly storages: MemoryStorage[] = [];
  readonly nodes: RawNode[] = [];
  applied = 0;

  constructor(voters: number, maxInflightMessages: number) {
    const ids = Array.from({ length: voters }, (_, at) => BigInt(at + 1));
    for (const id of ids) {
      const storage = new MemoryStorage();
      storage.applySnapshot(makeSnapshot({ index: 1, term: 1, confState: makeConfState({ voters: ids }) }));
      this.storages.push(storage);
      this.nodes.push(
        new RawNode({
          id,
          electionTicks: 10,
          heartbeatTicks: 1,
          storage,
          applied: 1,
          random: { below: () => 0, uint64: () => 0n },
          logger: silentRaftLogger,
          maxSizePerMessageBytes: 1024 * 1024,
          maxInflightMessages,
        }),
      );
    }
    this.leader.campaign();
    this.settle();
  }

  get leader(): RawNode {
    return this.nodes[0] as RawNode;
  }

  /** Returns whether there was anything to do. */
  turn(position: number): boolean {
    const node = this.nodes[position] as RawNode;
    if (!node.hasReady()) return false;
    const storage = this.storages[position] as MemoryStorage;
    const ready = node.ready();
    storage.append(ready.entries);
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    if (position === 0) this.applied += ready.committedEntries.length;
    for (const message of ready.messages) this.nodes[Number(message.to) - 1]?.step(message);
    node.advance();
    return true;
  }

  settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (let position = 0; position < this.nodes.length; position++) busy = this.turn(position) || busy;
    }
  }

  compact(): void {
    for (const storage of this.storages) storage.compact(storage.lastIndex() - 1);
  }
}

function measure(entries: number, run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / entries;
}

const show = (what: string, micros: number): void => console.log(`${what.padEnd(64)}${micros.toFixed(2)} µs`);

for (const asOne of [true, false]) {
  const group = new BenchGroup(3, 512);
  const batch = Array.from({ length: 100 }, () => payload);
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++) {
      if (asOne) group.leader.propose(...batch);
      else for (const data of batch) group.leader.propose(data);
      group.settle();
      if (round % 50 === 0) group.compact();
    }
  };
  rounds(200);
  const micros = measure(100_000, () => rounds(1000));
  if (group.applied < 120_000) throw new Error('entries were lost');
  show(`3 voters, batches of 100 as ${asOne ? 'one proposal ' : '100 proposals'}: per entry, all three`, micros);
}

for (const inFlight of [1_000, 10_000, 100_000]) {
  const group = new BenchGroup(8, inFlight + 1);
  const micros = measure(inFlight, () => {
    for (let count = 0; count < inFlight; count++) group.leader.propose(payload);
    group.settle();
  });
  if (group.applied < inFlight) throw new Error('entries were lost');
  show(`7 followers, ${inFlight} entries in flight: per entry, all eight`, micros);
}

const message = makeMessage({
  type: MessageType.MsgApp,
  to: 0x8e9e05c52164694dn,
  from: 0x91bc3c398fb3c146n,
  term: 7,
  logTerm: 7,
  index: 1_000_000,
  commit: 999_990,
  entries: [makeEntry({ term: 7, index: 1_000_001, data: payload })],
});
for (const version of ['3.5', '3.7'] as const) {
  const codec = messageCodec[version];
  const bytes = codec.encode(message);
  const count = 300_000;
  const encode = (): void => {
    for (let round = 0; round < count; round++) codec.encode(message);
  };
  const decode = (): void => {
    for (let round = 0; round < count; round++) codec.decode(bytes);
  };
  encode();
  decode();
  show(`encode a MsgApp with one entry, as ${version} (${bytes.length} bytes)`, measure(count, encode));
  show(`decode it`, measure(count, decode));
}
