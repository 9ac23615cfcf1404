/**
 * The configuration file: YAML (or JSON), keys named as flags but for a few maps. Unknown keys are passed over; wrong
 * types are refused in the words of Go's JSON decoder, since etcd turns the file into JSON first. Loaded only when
 * there is such a file.
 */
import { isCollection, parseAllDocuments, visit, type YAMLError } from 'yaml';
import type { OptionTable } from './option.js';
import { jsonKind, WrongType } from './option.js';

export type ConfigFile =
  | { readonly t: 'ok'; readonly given: ReadonlyMap<string, unknown> }
  | { readonly t: 'error'; readonly message: string }
  /** etcd prints these bare, without a log record. */
  | { readonly t: 'bare-error'; readonly message: string };

/** Keys that etcd reads as text and takes apart later: an error there is of the second kind. */
const bareKeys: Readonly<Record<string, string>> = {
  'listen-peer-urls': 'listen-peer-urls',
  'listen-client-urls': 'listen-client-urls',
  'listen-client-http-urls': 'listen-client-http-urls',
  'initial-advertise-peer-urls': 'initial-advertise-peer-urls',
  // Sic: etcd names the other flag.
  'advertise-client-urls': 'advertise-peer-urls',
  'listen-metrics-urls': 'listen-metrics-urls',
};

const securityMaps = ['client-transport-security', 'peer-transport-security'];

export function readConfigFile(bytes: Uint8Array, table: OptionTable): ConfigFile {
  let document: unknown;
  try {
    document = parseYaml(textOf(bytes));
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    return { t: 'error', message: `error converting YAML to JSON: yaml: ${error.message}` };
  }
  if (document === null || document === undefined) return { t: 'ok', given: new Map() };
  if (typeof document !== 'object' || Array.isArray(document)) {
    return {
      t: 'error',
      message: unmarshalling(`cannot unmarshal ${jsonKind(document)} into Go value of type embed.configYAML`),
    };
  }
  const root = withLowerKeys(document);
  for (const map of securityMaps) {
    const value = root[map];
    if (value !== undefined && value !== null && (typeof value !== 'object' || Array.isArray(value))) {
      const field = `configYAML.configJSON.${map}`;
      return {
        t: 'error',
        message: unmarshalling(
          `cannot unmarshal ${jsonKind(value)} into Go struct field ${field} of type embed.securityConfig`,
        ),
      };
    }
  }
  const given = new Map<string, unknown>();
  for (const [name, option] of Object.entries(table)) {
    if (option.fileKey === null) continue;
    const key = option.fileKey ?? name;
    const value = valueAt(root, key);
    if (value === undefined || value === null) continue;
    try {
      given.set(name, option.kind.fromFile(value));
    } catch (error) {
      if (error instanceof WrongType) {
        const field = fieldOf(key);
        return {
          t: 'error',
          message: unmarshalling(
            `cannot unmarshal ${error.found} into Go struct field ${field} of type ${error.wanted}`,
          ),
        };
      }
      const why = error instanceof Error ? error.message : String(error);
      const bare = bareKeys[key];
      return bare === undefined
        ? { t: 'error', message: why }
        : { t: 'bare-error', message: `unexpected error setting up ${bare}: ${why}` };
    }
  }
  return { t: 'ok', given };
}

/** What is no YAML, or more than can be read; the text is what follows `yaml: `. */
class YamlFault extends Error {
  override readonly name = 'YamlFault';
  readonly code = 'ERR_CONFIG_YAML';
}

/** The value of the first document; undefined where there is none. Throws YamlFault. */
function parseYaml(text: string): unknown {
  if (isTooDeep(text)) throw new YamlFault(TOO_DEEP);
  if (UNPRINTABLE.test(text)) throw new YamlFault('control characters are not allowed');
  try {
    // The first of several documents counts, and the last of several values for one key.
    const [yaml] = parseAllDocuments(text, {
      prettyErrors: false,
      version: '1.1',
      logLevel: 'error',
      uniqueKeys: false,
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isTime(tag)),
    });
    if (yaml === undefined) return undefined;
    const [problem] = yaml.errors;
    if (problem !== undefined) {
      const words = `${placeOf(text, problem.pos[0])}${flowProblem(problem.message) ?? problem.message}`;
      throw new YamlFault(goProblem(problem) ?? words);
    }
    visit(yaml, {
      Alias(_, alias, path) {
        refuseWithin(alias.source, path);
        if (alias.resolve(yaml) === undefined) throw new YamlFault(`unknown anchor '${alias.source}' referenced`);
      },
      Pair(_, { key }) {
        if (isCollection(key)) throw new YamlFault(`invalid map key: ${goSyntax(key.toJS(yaml))}`);
      },
    });
    return yaml.toJS();
  } catch (error) {
    if (error instanceof ReferenceError) throw new YamlFault('document contains excessive aliasing');
    if (error instanceof Error && error.message.startsWith('Merge sources must be'))
      throw new YamlFault('map merge requires map or sequence of maps as the value');
    throw error;
  }
}

/** Dates, and numbers to the base of 60, are texts to Go. */
const isTime = ({ tag, format }: { readonly tag: string; readonly format?: string }): boolean =>
  tag === 'tag:yaml.org,2002:timestamp' || format === 'TIME';

/** As Go's `%#v` shows a value. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value === null) return 'interface {}(nil)';
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}:${goSyntax(each)}`);
  return `map[interface {}]interface {}{${entries.join(', ')}}`;
}

/** A mark at its beginning says that it is UTF-16, as YAML 1.1 has it (5.2). */
function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isWide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const encoding = !isWide ? 'utf-8' : first === 0xff ? 'utf-16le' : 'utf-16be';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new YamlFault(isWide ? 'unexpected low surrogate area' : 'invalid leading UTF-8 octet');
  }
}

/** As go-yaml counts: from 0, which it does not say, and a text that does not end with its line goes on to another. */
function placeOf(text: string, at: number): string {
  const isCutOff = at >= text.length && !text.endsWith('\n');
  const line = text.slice(0, at).split('\n').length - (isCutOff ? 0 : 1);
  return line === 0 ? '' : `line ${line}: `;
}

/** In Go's words, which name no line for these. */
function goProblem({ code, message }: YAMLError): string | undefined {
  if (code === 'TAB_AS_INDENT' || code === 'BAD_SCALAR_START') return 'found character that cannot start any token';
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'mapping values are not allowed in this context';
  return message.startsWith('Missing closing ') ? 'found unexpected end of stream' : undefined;
}

function flowProblem(message: string): string | undefined {
  const end = /end with a ([\]}])$/.exec(message)?.[1];
  return end === undefined ? undefined : `did not find expected ',' or '${end}'`;
}

/** What YAML 1.1 does not let stand in a stream (5.1). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]/;

/** Go's limit. */
const TOO_DEEP = 'exceeded max depth of 10000';
/** `etcd-diff:` the parser's stack ends far below Go's limit, and the process with it. The options need three. */
const MOST_NESTED = 200;

/** A look at brackets, and at what begins several lists in a line: an upper bound will do. */
function isTooDeep(text: string): boolean {
  let open = 0;
  for (const [found] of text.matchAll(/[[{]|[\]}]|^[ ]*(?:[-?:][ ]+)*/gm)) {
    if (found === '[' || found === '{') open++;
    else if (found === ']' || found === '}') open = Math.max(0, open - 1);
    else if (found.length > MOST_NESTED) return true;
    if (open > MOST_NESTED) return true;
  }
  return false;
}

/** An alias below the node that it stands for. */
function refuseWithin(anchor: string, path: readonly unknown[]): void {
  if (path.some((node) => (isCollection(node) ? node.anchor === anchor : false)))
    throw new YamlFault(`anchor '${anchor}' value contains itself`);
}

/**
 * Go's JSON decoder takes keys in any case. They come in the order of their bytes, so that of two spellings the last
 * counts.
 */
function withLowerKeys(map: object): Readonly<Record<string, unknown>> {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key.toLowerCase(), value]));
}

const unmarshalling = (why: string): string => `error unmarshaling JSON: while decoding JSON: json: ${why}`;

/** Go's path of a struct field: where etcd's configuration types keep the key. */
function fieldOf(key: string): string {
  if (key.includes('.')) return `securityConfig.configJSON.${key}`;
  return Object.hasOwn(bareKeys, key) ? `configYAML.configJSON.${key}` : `configYAML.Config.${key}`;
}

/** The value at `map.key`, however deep, or undefined. */
function valueAt(root: Readonly<Record<string, unknown>>, key: string): unknown {
  const dot = key.indexOf('.');
  if (dot < 0) return root[key];
  const map = root[key.slice(0, dot)];
  if (typeof map !== 'object' || map === null) return undefined;
  return valueAt(withLowerKeys(map), key.slice(dot + 1));
}
