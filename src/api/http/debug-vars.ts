/** `/debug/vars`: figures of the process and of raft as Go's expvar lays them out, names in order. */
import type { MemberId } from '../../lib/ids.js';
import type { Status } from '../../raft/status.js';
import { type HttpHandler, onlyGet } from './types.js';

export interface DebugSource {
  readonly commandLine: readonly string[];
  descriptorLimit(): number;
  /** Under Go's names, as far as they mean something here; in bytes. */
  memory(): Readonly<Record<string, number>>;
  raft(): Status;
}

export function debugVarsHandler(source: DebugSource): HttpHandler {
  return (request, url) => {
    if (url.pathname !== '/debug/vars') return undefined;
    const vars = {
      cmdline: JSON.stringify(source.commandLine),
      file_descriptor_limit: String(source.descriptorLimit()),
      memstats: JSON.stringify(source.memory()),
      'raft.status': raftStatusJson(source.raft()),
    };
    const lines = Object.entries(vars).map(([name, value]) => `${JSON.stringify(name)}: ${value}`);
    return (
      onlyGet(request) ?? {
        status: 200,
        headers: { 'Content-Type': 'application/json; charset=utf-8' },
        body: `{\n${lines.join(',\n')}\n}\n`,
      }
    );
  };
}

const hex = (id: MemberId): string => `"${id.toString(16)}"`;

/** As etcd-io/raft's Status.MarshalJSON. */
function raftStatusJson({ id, hardState, softState, applied, leadTransferee, progress }: Status): string {
  const members = [...progress].map(
    ([member, { match, next, state }]) =>
      `${hex(member)}:{"match":${match},"next":${next},"state":${JSON.stringify(state)}}`,
  );
  const fields = {
    id: hex(id),
    term: hardState.term,
    vote: hex(hardState.vote),
    commit: hardState.commit,
    lead: hex(softState.lead),
    raftState: JSON.stringify(softState.raftState),
    applied,
    progress: `{${members.join(',')}}`,
    leadtransferee: hex(leadTransferee),
  };
  return `{${Object.entries(fields)
    .map(([name, value]) => `"${name}":${value}`)
    .join(',')}}`;
}
