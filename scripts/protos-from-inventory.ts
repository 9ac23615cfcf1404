/**
 * Writes `src/proto/*.proto` from an inventory of etcd's protobuf surface (a JSON file: packages → messages, enums,
 * services). It ran once: the committed `.proto` files are the source from then on. It stays for the day a new etcd
 * version adds fields.
 *
 *     npx tsx scripts/protos-from-inventory.ts <inventory.json>
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Field {
  name: string;
  number: number;
  type: string;
  label: 'optional' | 'repeated';
  oneof?: string;
  packed?: boolean;
  since?: string;
  lastSeen?: string;
  alwaysWritten?: string;
}
interface Message {
  fields: Field[];
  since?: string;
  lastSeen?: string;
}
interface Rpc {
  request: string;
  response: string;
  clientStreaming: boolean;
  serverStreaming: boolean;
  httpPaths: { method: string; path: string }[];
  since?: string;
}
interface Package {
  messages: Record<string, Message>;
  enums: Record<string, { values: Record<string, number>; valueSince?: Record<string, string> }>;
  services: Record<string, Record<string, Rpc>>;
}

/** Which file holds which messages: etcdserverpb is spread over three, as in etcd. */
const etcdserverFiles: Record<string, string> = {
  Metadata: 'etcdserver',
  Request: 'etcdserver',
  RequestHeader: 'raft_internal',
  InternalRaftRequest: 'raft_internal',
  EmptyResponse: 'raft_internal',
  InternalAuthenticateRequest: 'raft_internal',
};
const imports: Record<string, string[]> = {
  rpc: ['authpb', 'gateway', 'mvccpb'],
  raft_internal: ['etcdserver', 'membershippb', 'rpc'],
  leasepb: ['rpc'],
  walpb: ['raftpb'],
  v3lockpb: ['gateway', 'rpc'],
  v3electionpb: ['gateway', 'mvccpb', 'rpc'],
};
const proto2 = new Set(['etcdserver', 'raftpb', 'walpb', 'snappb']);

function note(item: { since?: string; lastSeen?: string; alwaysWritten?: string }): string {
  const parts = [
    item.since !== undefined && item.since !== '3.0' ? `since ${item.since}` : '',
    item.lastSeen !== undefined ? `last in ${item.lastSeen}` : '',
    item.alwaysWritten !== undefined ? `written even when zero by ${item.alwaysWritten}` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` // ${parts.join('; ')}`;
}

function writeFile(file: string, packageName: string, source: Package, names: string[]): void {
  const out: string[] = [`syntax = "${proto2.has(file) ? 'proto2' : 'proto3'}";`, '', `package ${packageName};`, ''];
  for (const name of imports[file] ?? []) out.push(`import "${name}.proto";`);
  if (imports[file] !== undefined) out.push('');
  const withServices = file !== 'etcdserver' && file !== 'raft_internal';
  const enumLines = (name: string, indent: string): string[] => {
    const found = source.enums[name];
    if (found === undefined) return [];
    const since = found.valueSince ?? {};
    return [
      `${indent}enum ${name.split('.').at(-1)} {`,
      ...Object.entries(found.values).map(
        ([value, number]) =>
          `${indent}  ${value} = ${number};${note(since[value] === undefined ? {} : { since: since[value] })}`,
      ),
      `${indent}}`,
    ];
  };
  const typeName = (type: string) => (type.startsWith(`${packageName}.`) ? type.slice(packageName.length + 1) : type);
  for (const [service, rpcs] of Object.entries(withServices ? source.services : {})) {
    out.push(`service ${service} {`);
    for (const [rpc, it] of Object.entries(rpcs)) {
      const input = `${it.clientStreaming ? 'stream ' : ''}${typeName(it.request)}`;
      const output = `${it.serverStreaming ? 'stream ' : ''}${typeName(it.response)}`;
      out.push(`  rpc ${rpc}(${input}) returns (${output}) {${note(it)}`);
      for (const http of it.httpPaths) out.push(`    option (gateway.post) = "${http.path}";`);
      out.push('  }');
    }
    out.push('}', '');
  }
  if (withServices) {
    for (const name of Object.keys(source.enums).filter((it) => !it.includes('.')))
      out.push(...enumLines(name, ''), '');
  }
  for (const name of names) {
    const message = source.messages[name];
    if (message === undefined) throw new Error(`no message ${packageName}.${name}`);
    out.push(`message ${name} {${note(message)}`);
    for (const it of Object.keys(source.enums).filter((it) => it.startsWith(`${name}.`)))
      out.push(...enumLines(it, '  '));
    let open = '';
    for (const field of message.fields) {
      const oneof = field.oneof ?? '';
      if (oneof !== open && open !== '') out.push('  }');
      if (oneof !== open && oneof !== '') out.push(`  oneof ${oneof} {`);
      open = oneof;
      const label = field.label === 'repeated' ? 'repeated ' : proto2.has(file) ? 'optional ' : '';
      // A field whose name is a type's name too would hide the type: spell the type from the root.
      const type = field.name === typeName(field.type).split('.').at(-1) ? `.${field.type}` : typeName(field.type);
      out.push(`  ${open === '' ? '' : '  '}${label}${type} ${field.name} = ${field.number};${note(field)}`);
    }
    if (open !== '') out.push('  }');
    out.push('}', '');
  }
  writeFileSync(`src/proto/${file}.proto`, `${out.join('\n').trimEnd()}\n`);
}

const path = process.argv[2];
if (path === undefined) throw new Error('usage: protos-from-inventory <inventory.json>');
const inventory = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Package>;
for (const [name, source] of Object.entries(inventory)) {
  const messages = Object.keys(source.messages);
  if (messages.length === 0) continue; // versionpb only declares annotations
  if (name !== 'etcdserverpb') {
    writeFile(name, name, source, messages);
    continue;
  }
  for (const file of ['rpc', 'raft_internal', 'etcdserver']) {
    writeFile(
      file,
      name,
      source,
      messages.filter((message) => (etcdserverFiles[message] ?? 'rpc') === file),
    );
  }
}
