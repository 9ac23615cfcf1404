/**
 * Writes `src/proto/gen/<package>.ts` — types, codecs and services — from a compiled set of `.proto` files.
 *
 *     buf build src/proto -o image.binpb && tsx scripts/generate-codecs.ts image.binpb <out folder>
 *
 * Why a generator of our own: docs/decisions/0001-codec-generator.md. The wire format itself is in `src/proto/wire.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescService,
  fromBinary,
  getOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Package → file under `src/proto/gen`. Packages not named here (raft's own, options) get no codec. */
const files: Record<string, string> = {
  authpb: 'authpb',
  etcdserverpb: 'etcdserverpb',
  'grpc.health.v1': 'grpc-health',
  leasepb: 'leasepb',
  membershippb: 'membershippb',
  mvccpb: 'mvccpb',
  snappb: 'snappb',
  v3electionpb: 'v3electionpb',
  v3lockpb: 'v3lockpb',
  walpb: 'walpb',
};

/**
 * 64-bit fields that use all their bits: ids, and the v2 request's nanoseconds. All others are revisions, indexes,
 * terms, counts: numbers.
 */
const bigNames = new Set([
  'ID',
  'cluster_id',
  'member_id',
  'memberID',
  'member_ID',
  'targetID',
  'leader',
  'lease',
  'watch_id',
  'NodeID',
  'ClusterID',
  'Expiration',
  'Time',
]);

const fullName = (field: DescField): string => `${field.parent.typeName}.${field.name}`;

/** Ends of ranges that, given though empty, mean to the last key. */
const openEnds = new Set(['etcdserverpb.RangeRequest.range_end', 'etcdserverpb.Compare.range_end']);

/**
 * proto2 scalars that etcd holds as pointers: absent and zero differ. All other proto2 scalars are written even when
 * zero.
 */
const nullable = new Set(['etcdserverpb.Request.PrevExist', 'etcdserverpb.Request.Refresh']);

/** Sub-messages that may be given as encoded bytes: stored records, and requests as the client sent them. */
function mayBeEncoded(field: DescField): boolean {
  if (field.message === undefined) return false;
  if (field.parent.typeName === 'etcdserverpb.InternalRaftRequest')
    return field.name !== 'header' && field.name !== 'v2';
  return field.message.typeName === 'mvccpb.KeyValue' || field.message.typeName === 'mvccpb.Event';
}

/** Messages of these packages have their codec by hand elsewhere; here they pass through as bytes. */
const opaque = (message: DescMessage) => message.typeName.startsWith('raftpb.');

const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
/** How Go names the field: its errors say so. */
const goName = (name: string) => capital(name).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const local = (type: DescMessage | DescEnum | DescService) =>
  capital(type.typeName.slice(type.file.proto.package.length + 1).replaceAll('.', '_'));
const isBig = (field: DescField) =>
  (field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64) && bigNames.has(field.name);
const isProto2 = (message: DescMessage) => message.file.edition === 998;

const image = process.argv[2];
const outFolder = process.argv[3];
if (image === undefined || outFolder === undefined) throw new Error('usage: generate-codecs <image> <out folder>');
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
const gatewayPost = registry.getExtension('gateway.post');
if (gatewayPost === undefined) throw new Error('no extension gateway.post');

const spliced = new Map<DescMessage, boolean>();
/**
 * Whether a message, or one inside it, has a field that may be given encoded. No message contains itself but
 * transactions: guarded by the entry set first.
 */
function isSpliced(message: DescMessage): boolean {
  const known = spliced.get(message);
  if (known !== undefined) return known;
  spliced.set(message, false);
  const found = message.fields.some(
    (field) =>
      mayBeEncoded(field) || (field.message !== undefined && !opaque(field.message) && isSpliced(field.message)),
  );
  spliced.set(message, found);
  return found;
}
// A cycle can hide an answer on the first walk: walk until nothing changes.
for (let changed = true; changed; ) {
  changed = false;
  for (const file of registry.files) {
    for (const message of file.messages) {
      const before = spliced.get(message) ?? false;
      if (!before) spliced.delete(message);
      if (isSpliced(message) !== before) changed = true;
    }
  }
}

/** Whether the message can hold itself, at any depth: its reader then counts levels. */
function isRecursive(message: DescMessage): boolean {
  const seen = new Set<DescMessage>();
  const visit = (it: DescMessage): boolean =>
    it.fields.some(({ message: inner }) => {
      if (inner === undefined || seen.has(inner)) return false;
      seen.add(inner);
      return inner === message || visit(inner);
    });
  return visit(message);
}

for (const [packageName, fileName] of Object.entries(files)) {
  const sources = [...registry.files].filter((file) => file.proto.package === packageName);
  sources.sort((a, b) => (a.name < b.name ? -1 : 1));
  const imports = new Map<string, Set<string>>();
  const used = new Set<string>();

  /** The name of something of another message's file, imported where that is another package. */
  const ref = (message: DescMessage | DescEnum, prefix: string, typeOnly = false): string => {
    const name = `${prefix}${local(message)}`;
    const owner = files[message.file.proto.package];
    if (owner === undefined) throw new Error(`${message.typeName} has no generated file`);
    if (owner !== fileName) {
      const set = imports.get(owner) ?? new Set();
      imports.set(owner, set);
      // A message's type and its codec share one name; only the type is used here.
      set.add(typeOnly ? `type ${name}` : name);
    }
    return name;
  };

  const scalarType = (field: DescField): string => {
    switch (field.scalar) {
      case ScalarType.BYTES:
        return 'Uint8Array';
      case ScalarType.STRING:
        return 'string';
      case ScalarType.BOOL:
        return 'boolean';
      case ScalarType.INT64:
      case ScalarType.UINT64:
        return isBig(field) ? 'bigint' : 'number';
      case ScalarType.UINT32:
      case ScalarType.INT32:
        return 'number';
      default:
        throw new Error(`${field}: scalar ${field.scalar} is not used by etcd`);
    }
  };
  const elementType = (field: DescField, asSpliced: boolean): string => {
    if (field.enum !== undefined) return ref(field.enum, '', true);
    if (field.message === undefined) return scalarType(field);
    if (opaque(field.message)) return 'Uint8Array';
    const inner = ref(field.message, asSpliced && isSpliced(field.message) ? 'Spliced' : '', true);
    return asSpliced && mayBeEncoded(field) ? `${inner} | Uint8Array` : inner;
  };
  const isOptional = (field: DescField): boolean =>
    field.fieldKind === 'message' ||
    (isProto2(field.parent) &&
      (field.scalar === ScalarType.BYTES || nullable.has(`${field.parent.typeName}.${field.name}`)));
  const fieldType = (field: DescField, asSpliced: boolean): string => {
    const element = elementType(field, asSpliced);
    if (field.fieldKind === 'list')
      return element.includes('|') ? `readonly (${element})[]` : asSpliced ? `readonly ${element}[]` : `${element}[]`;
    return isOptional(field) ? `${element} | undefined` : element;
  };
  const zero = (field: DescField): string => {
    if (field.fieldKind === 'list') return '[]';
    if (isOptional(field)) return 'undefined';
    if (field.enum !== undefined) return '0';
    switch (scalarType(field)) {
      case 'Uint8Array':
        used.add('NO_BYTES');
        return 'NO_BYTES';
      case 'string':
        return "''";
      case 'boolean':
        return 'false';
      case 'bigint':
        return '0n';
      default:
        return '0';
    }
  };
  /** The message's fields in wire order, each oneof at the place of its first member. */
  const members = (message: DescMessage) => message.members;

  const typeLines = (message: DescMessage, asSpliced: boolean): string[] => {
    const lines = [`export interface ${asSpliced ? 'Spliced' : ''}${local(message)} {`];
    for (const member of members(message)) {
      if (member.kind === 'field') lines.push(`  ${member.localName}: ${fieldType(member, asSpliced)};`);
      else {
        lines.push(`  ${member.localName}:`);
        for (const field of member.fields)
          lines.push(`    | { case: '${field.localName}'; value: ${elementType(field, asSpliced)} }`);
        lines.push('    | { case: undefined; value?: undefined };');
      }
    }
    return [...lines, '}', ''];
  };

  const scalarMethod = (field: DescField): { write: string; read: string; wireType: number } => {
    if (field.enum !== undefined) return { write: 'int32', read: 'int32', wireType: 0 };
    switch (field.scalar) {
      case ScalarType.BYTES:
        return { write: 'bytes', read: openEnds.has(fullName(field)) ? 'rangeEnd' : 'bytes', wireType: 2 };
      case ScalarType.STRING:
        return { write: 'string', read: isProto2(field.parent) ? 'looseString' : 'string', wireType: 2 };
      case ScalarType.BOOL:
        return { write: 'bool', read: 'bool', wireType: 0 };
      case ScalarType.INT64:
        return { write: isBig(field) ? 'big' : 'int64', read: isBig(field) ? 'int64Big' : 'int64', wireType: 0 };
      case ScalarType.UINT64:
        return { write: isBig(field) ? 'big' : 'int64', read: isBig(field) ? 'uint64Big' : 'uint64', wireType: 0 };
      default:
        return { write: 'uint32', read: 'uint32', wireType: 0 };
    }
  };
  const tagOf = (field: DescField, wireType: number) => field.number * 8 + wireType;
  const writeTag = (field: DescField, wireType: number) => {
    const tag = tagOf(field, wireType);
    return tag < 0x80 ? `w.byte(${tag});` : `w.uint32(${tag});`;
  };

  /** Statements that write one value, last byte first. */
  const writeElement = (field: DescField, value: string): string[] => {
    if (field.message !== undefined && !opaque(field.message)) {
      const inner = [`const mark = w.mark();`, `${ref(field.message, 'write')}(w, ${value});`, 'w.length(mark);'];
      if (!mayBeEncoded(field)) return [...inner, writeTag(field, 2)];
      return [
        `if (${value} instanceof Uint8Array) w.bytes(${value});`,
        'else {',
        ...inner.map((line) => `  ${line}`),
        '}',
        writeTag(field, 2),
      ];
    }
    const { write, wireType } = field.message !== undefined ? { write: 'bytes', wireType: 2 } : scalarMethod(field);
    return [`w.${write}(${value});`, writeTag(field, wireType)];
  };
  const block = (head: string, body: string[]): string[] => [`${head} {`, ...body.map((line) => `  ${line}`), '}'];

  const writeField = (field: DescField): string[] => {
    if (field.oneof !== undefined) {
      const group = `m.${field.oneof.localName}`;
      return block(`if (${group}.case === '${field.localName}')`, [
        `const value = ${group}.value;`,
        ...writeElement(field, 'value'),
      ]);
    }
    const name = `m.${field.localName}`;
    if (field.fieldKind === 'list') {
      const isPacked = field.message === undefined && scalarMethod(field).wireType === 0 && field.packed;
      if (isPacked) {
        return block(`if (${name}.length !== 0)`, [
          'const mark = w.mark();',
          `for (let i = ${name}.length - 1; i >= 0; i--) w.${scalarMethod(field).write}(${name}[i] as ` +
            `${elementType(field, true)});`,
          'w.length(mark);',
          writeTag(field, 2),
        ]);
      }
      return block(`for (let i = ${name}.length - 1; i >= 0; i--)`, [
        `const value = ${name}[i] as ${elementType(field, true)};`,
        ...writeElement(field, 'value'),
      ]);
    }
    if (isOptional(field)) {
      return [
        '{',
        `  const value = ${name};`,
        ...block('if (value !== undefined)', writeElement(field, 'value')).map((line) => `  ${line}`),
        '}',
      ];
    }
    if (isProto2(field.parent)) return writeElement(field, name);
    const type = field.enum !== undefined ? 'number' : scalarType(field);
    const test =
      type === 'Uint8Array'
        ? `${name}.length !== 0`
        : type === 'string'
          ? `${name} !== ''`
          : type === 'boolean'
            ? name
            : type === 'bigint'
              ? `${name} !== 0n`
              : `${name} !== 0`;
    return block(`if (${test})`, writeElement(field, name));
  };

  const readElement = (field: DescField): string => {
    if (field.message !== undefined && !opaque(field.message)) return `${ref(field.message, 'read')}(r, r.stop(end))`;
    if (field.message !== undefined) return 'r.bytes(end)';
    const read = `r.${scalarMethod(field).read}(end)`;
    return field.enum === undefined ? read : `${read} as ${elementType(field, false)}`;
  };
  const readCases = (field: DescField): string[] => {
    const wireType = field.message !== undefined ? 2 : scalarMethod(field).wireType;
    const tag = tagOf(field, wireType);
    if (field.oneof !== undefined) {
      return [
        `case ${tag}:`,
        `  ${field.oneof.localName} = { case: '${field.localName}', value: ${readElement(field)} };`,
        '  break;',
      ];
    }
    if (field.fieldKind !== 'list') return [`case ${tag}:`, `  ${safe(field)} = ${readElement(field)};`, '  break;'];
    const lines = [`case ${tag}:`, `  ${safe(field)}.push(${readElement(field)});`, '  break;'];
    if (wireType !== 0) return lines;
    // Readers take a repeated number packed or not, whatever the declaration says.
    return [
      ...lines,
      `case ${tagOf(field, 2)}: {`,
      '  const stop = r.stop(end);',
      `  while (r.pos < stop) ${safe(field)}.push(${readElement(field).replace('(end)', '(stop)')});`,
      '  break;',
      '}',
    ];
  };
  /** Local variable for a field: its own name unless that is taken. */
  const safe = (field: { localName: string }) =>
    ['r', 'end', 'tag', 'delete', 'default', 'stop'].includes(field.localName)
      ? `${field.localName}_`
      : field.localName;

  const messageLines = (message: DescMessage): string[] => {
    const name = local(message);
    const encodable = isSpliced(message) ? `Spliced${name}` : name;
    const fields = [...message.fields].sort((a, b) => a.number - b.number);
    const lines = [...typeLines(message, false)];
    if (isSpliced(message))
      lines.push(
        `/** {@link ${name}} for encoding: some sub-messages may be bytes already. */`,
        ...typeLines(message, true),
      );

    const variables = members(message).map((member) =>
      member.kind === 'field'
        ? `let ${safe(member)}: ${fieldType(member, false)} = ${zero(member)};`
        : `let ${member.localName}: ${name}['${member.localName}'] = { case: undefined };`,
    );
    const parts = members(message).map((member) =>
      safe(member) === member.localName ? member.localName : `${member.localName}: ${safe(member)}`,
    );
    const defaults = members(message).map(
      (member) =>
        `${member.localName}: init.${member.localName} ?? ` +
        `${member.kind === 'field' ? zero(member) : '{ case: undefined }'},`,
    );
    const known = fields.map((field) => `${field.number} ${goName(field.name)}`).join(' ');
    lines.push(
      ...block(
        `export function write${name}(${fields.length === 0 ? '_w' : 'w'}: Writer, ` +
          `${fields.length === 0 ? '_m' : 'm'}: ${encodable}): void`,
        [...fields].reverse().flatMap(writeField),
      ),
      '',
      ...block(`export function read${name}(r: Reader, end: number): ${name}`, [
        ...(isRecursive(message) ? ['r.enter();'] : []),
        ...variables,
        ...block('while (r.pos < end)', [
          'const tag = r.tag(end);',
          ...(fields.length === 0
            ? [`r.skipUnknown(tag, end, '${capital(message.name)}', '');`]
            : block('switch (tag)', [
                ...fields.flatMap(readCases),
                'default:',
                `  r.skipUnknown(tag, end, '${message.name}', '${known}');`,
              ])),
        ]),
        ...(isRecursive(message) ? ['r.leave();'] : []),
        `return { ${parts.join(', ')} };`,
      ]),
      '',
    );
    const create = (type: string, method: string) =>
      fields.length === 0
        ? [`${method}: () => ({}),`]
        : [`${method}: (init: Partial<${type}> = {}): ${type} => ({`, ...defaults.map((line) => `  ${line}`), '}),'];
    lines.push(
      `export const ${name}: ${isSpliced(message) ? `SplicedCodec<${name}, ${encodable}>` : `Codec<${name}>`} = {`,
      ...[
        `typeName: '${message.typeName}',`,
        ...create(name, 'create'),
        ...(isSpliced(message) ? create(encodable, 'createSpliced') : []),
        'encode(message) {',
        '  const w = writer.begin();',
        `  write${name}(w, message);`,
        '  return w.finish();',
        '},',
        `decode: (bytes) => read${name}(new Reader(bytes), bytes.length),`,
      ].map((line) => `  ${line}`),
      '};',
      '',
    );
    return lines;
  };

  const enumLines = (it: DescEnum): string[] => {
    const name = local(it);
    return [
      `export const ${name} = {`,
      ...it.values.map((value) => `  ${value.name}: ${value.number},`),
      '} as const;',
      `export type ${name} = (typeof ${name})[keyof typeof ${name}];`,
      '',
    ];
  };

  const serviceLines = (service: DescService): string[] => {
    const lines = [`export const ${local(service)} = {`];
    for (const method of service.methods) {
      const kind = {
        unary: 'unary',
        server_streaming: 'server-streaming',
        client_streaming: 'client-streaming',
        bidi_streaming: 'bidi',
      }[method.methodKind];
      for (const message of [method.input, method.output]) {
        const owner = files[message.file.proto.package];
        if (owner !== fileName) throw new Error(`${method}: messages of another package are not supported`);
      }
      const input = local(method.input);
      const output = local(method.output);
      lines.push(
        `  ${method.localName}: {`,
        `    path: '/${service.typeName}/${method.name}',`,
        `    kind: '${kind}',`,
        `    input: ${input},`,
        `    output: ${output},`,
        `  } satisfies Method<${input}, ${output}>,`,
      );
    }
    return [...lines, '} as const;', ''];
  };

  const body: string[] = [];
  for (const file of sources) {
    for (const it of file.enums) body.push(...enumLines(it));
    for (const message of file.messages) {
      for (const it of message.nestedEnums) body.push(...enumLines(it));
      if (message.nestedMessages.length > 0) throw new Error(`${message}: nested messages are not supported`);
      body.push(...messageLines(message));
    }
  }
  for (const file of sources) for (const service of file.services) body.push(...serviceLines(service));

  const text = body.join('\n');
  const codecTypes = ['Codec', 'Method', 'SplicedCodec'].filter((name) => new RegExp(`\\b${name}<`).test(text));
  const head = [
    `// Generated by scripts/generate-codecs.ts from ${sources.map((file) => `${file.name}.proto`).join(', ')}. ` +
      `Do not edit: npm run generate.`,
    `import type { ${codecTypes.join(', ')} } from '../../lib/codec.js';`,
    `import { ${[...used, 'Reader', 'writer', 'type Writer'].join(', ')} } from '../wire.js';`,
    ...[...imports]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([from, names]) => `import { ${[...names].sort().join(', ')} } from './${from}.js';`),
    '',
  ];
  writeFileSync(join(outFolder, `${fileName}.ts`), `${[...head, text].join('\n').trimEnd()}\n`);
}

// What proto3 JSON must know of the messages that the gateway's routes lead to.
const jsonMessages = new Map<string, string[]>();
const jsonEnums = new Map<string, string>();
function describeForJson(message: DescMessage): void {
  if (jsonMessages.has(message.typeName)) return;
  const lines: string[] = [];
  jsonMessages.set(message.typeName, lines);
  for (const field of message.fields) {
    const inner = field.message ?? field.enum;
    const type = inner?.typeName ?? ScalarType[field.scalar ?? ScalarType.BYTES].toLowerCase();
    const isList = field.fieldKind === 'list';
    const isWide = field.number > 15;
    const flags = `${isList ? 'r' : ''}${inner === undefined && isBig(field) ? 'b' : ''}${isWide ? 'w' : ''}`;
    const oneof = field.oneof === undefined ? '' : ` ${field.oneof.localName} ${field.oneof.name}`;
    lines.push(`${field.name} ${field.jsonName} ${field.localName} ${type} ${flags || '-'}${oneof}`);
    if (field.message !== undefined) describeForJson(field.message);
    if (field.enum !== undefined)
      jsonEnums.set(field.enum.typeName, field.enum.values.map((value) => `${value.name} ${value.number}`).join(', '));
  }
}
for (const file of registry.files) {
  for (const service of file.services) {
    for (const method of service.methods) {
      if ((getOption(method, gatewayPost) as string[]).length === 0) continue;
      describeForJson(method.input);
      describeForJson(method.output);
    }
  }
}
const byName = <T>(map: Map<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(
  join(outFolder, 'json-fields.ts'),
  [
    "// Generated by scripts/generate-codecs.ts from the messages of the gateway's routes. Do not edit: npm run " +
      'generate.',
    '',
    '/**',
    ' * Message → its fields in order of declaration: name, JSON name, name in our types, type, flags, and the ' +
      'group it is one of with its protobuf name.',
    ' * Flags: `r` repeated, `b` a bigint in our types, `-` none.',
    ' */',
    'export const jsonFields: Readonly<Record<string, readonly string[]>> = {',
    ...byName(jsonMessages).map(([name, lines]) =>
      lines.length === 0
        ? `  '${name}': [],`
        : [`  '${name}': [`, ...lines.map((line) => `    '${line}',`), '  ],'].join('\n'),
    ),
    '};',
    '',
    '/** Enum → its names and numbers. */',
    'export const jsonEnums: Readonly<Record<string, string>> = {',
    ...byName(jsonEnums).map(([name, values]) => `  '${name}': '${values}',`),
    '};',
    '',
  ].join('\n'),
);

// The JSON gateway's routes.
const routes: string[] = [];
for (const file of registry.files) {
  for (const service of file.services) {
    for (const method of service.methods) {
      for (const path of getOption(method, gatewayPost) as string[])
        routes.push(`  ['${path}', '/${service.typeName}/${method.name}'],`);
    }
  }
}
writeFileSync(
  join(outFolder, 'gateway-routes.ts'),
  [
    '// Generated by scripts/generate-codecs.ts from the gateway.post options. Do not edit: npm run generate.',
    '',
    "/** The JSON gateway's routes: POST path → gRPC path. */",
    'export const gatewayRoutes: readonly (readonly [path: string, method: string])[] = [',
    ...routes.sort(),
    '];',
    '',
  ].join('\n'),
);
