/** What a seed does, step by step. The sides' answers have no influence on it. */
import { type Body, Draw } from './draw.js';
import { drawFrames, type FrameRequest } from './frames.js';
import {
  alarmsOff,
  authOff,
  authOn,
  byPath,
  type Caller,
  isDeadly,
  isShort,
  type Planned,
  type Rpc,
  rawRpcs,
  rpcs,
  spoiled,
} from './requests.js';
import { messageOf, type Odd, type Step } from './side.js';
import { spelled } from './spelling.js';

export type Action =
  | { readonly t: 'call'; readonly step: Step; readonly user: string }
  | { readonly t: 'plain'; readonly method: string; readonly path: string; readonly body: string | undefined }
  /** Through gRPC, with bytes that are hardly a message. */
  | { readonly t: 'raw'; readonly rpc: Rpc; readonly bytes: Uint8Array; readonly as: Caller }
  /** All steps, and then until `lease` has expired. */
  | { readonly t: 'expiry'; readonly steps: readonly Step[]; readonly lease: bigint }
  /** Whatever is held by leases of the server's choice goes before `compaction`; `"$NOW"` is the revision then. */
  | { readonly t: 'session'; readonly steps: readonly Step[]; readonly compaction: readonly Step[] }
  /** As no client of gRPC would. */
  | { readonly t: 'frames'; readonly request: FrameRequest }
  /** On one of the streams of watches; `open` puts a new one in its place. */
  | {
      readonly t: 'watch';
      readonly stream: number;
      readonly as: Caller;
      readonly open: boolean;
      readonly request: Body;
    };

export const WATCH_STREAMS = 2;

const callers: readonly Caller[] = ['root', 'root', 'root', 'alice', 'alice', 'nobody', 'root before', 'a stranger'];
const EXPIRING = 201;
const paths = [
  ...rpcs.map(({ path }) => path),
  ...['/v3', '/v3/', '/v3/nothing', '/v3beta/kv/range', '/v3alpha/kv/range', '/v3//kv/put', '/v3/kv/put/', '/nothing'],
  ...['/version', '/livez', '/debug/pprof/', '/config/local/log'],
];
const odds: readonly Odd[] = [
  ...['/v3beta/', '/v3alpha/', '/v2/', '/V3/'].map((root) => ({ root })),
  ...['?', '?x=1', '?key=Zm9v', '/', '/x', '%20', '?%zz'].map((query) => ({ query })),
  ...[
    { 'grpc-timeout': 'x' },
    { 'grpc-timeout': '5S' },
    { 'grpc-timeout': '-1S' },
    { accept: 'application/x-protobuf' },
    { 'content-type': 'application/octet-stream' },
    { 'content-type': 'application/grpc' },
    { 'grpc-metadata-hasleader': 'true' },
    { 'grpc-metadata-x': '1' },
    { 'grpc-metadata-x-bin': '!!!' },
    { origin: 'http://elsewhere.example' },
    { 'content-encoding': 'gzip' },
    { host: 'elsewhere.example' },
    { 'content-type': 'application/json; charset=utf-8' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'multipart/form-data' },
    { 'content-type': ';' },
    { accept: 'text/plain' },
    { accept: '*/*', 'x-http-method-override': 'GET' },
    { 'grpc-metadata-token': 'notatokenatall.2' },
    { 'grpc-metadata-grpc-timeout': '1S' },
    { authorization: 'Bearer notatokenatall.3' },
    { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-host': 'elsewhere.example' },
  ].map((headers) => ({ headers })),
  ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'post', 'PROPFIND'].map((method) => ({ method })),
  ...[{ isChunked: true }, { isChunked: true }, { isChunked: true }],
];
const totalWeight = rpcs.reduce((sum, { weight }) => sum + weight, 0);

export class Plan {
  readonly #draw: Draw;
  /** Comes before anything random; `in` counts the steps until then. */
  #planned: { in: number; steps: Planned[] }[] = [];

  constructor(seed: number, base: number) {
    this.#draw = new Draw(seed, base);
  }

  next(): Action {
    const due = this.#due();
    if (due !== undefined) return this.#call(due.rpc, [JSON.stringify(due.body)], due);
    const draw = this.#draw;
    if (draw.chance(80) && !this.#hasAlarm) {
      this.#planned.push({ in: 0, steps: [...authOn] }, { in: 10 + draw.below(30), steps: [...authOff] });
    }
    if (!this.#mayNeedToken && draw.chance(70)) return draw.chance(2) ? this.#expiry() : this.#session();
    if (draw.chance(16)) return this.#watch();
    if (draw.chance(30)) return this.#plain();
    if (draw.chance(20)) return this.#raw();
    if (draw.chance(12)) return { t: 'frames', request: drawFrames(draw, draw.one(callers)) };
    return this.#random();
  }

  get #mayNeedToken(): boolean {
    return this.#planned.some(({ steps }) => steps.at(-1) === authOff.at(-1));
  }

  get #hasAlarm(): boolean {
    return this.#planned.some(({ steps }) => steps.at(-1) === alarmsOff.at(-1));
  }

  #due(): Planned | undefined {
    const first = this.#planned.find((each) => each.in <= 0);
    for (const each of this.#planned) each.in--;
    const next = first?.steps.shift();
    this.#planned = this.#planned.filter(({ steps }) => steps.length > 0);
    return next;
  }

  #random(): Action {
    const draw = this.#draw;
    let rpc = this.#rpc();
    // With authentication on, the real one leaves the key of a caller who no longer waits: it takes it away as nobody.
    // While there is an alarm, a real 3.5 lets everybody do what takes root.
    const isForLater = ({ waits, path }: Rpc) =>
      ((waits || path === '/v3/maintenance/alarm') && this.#mayNeedToken) ||
      (path === '/v3/auth/enable' && this.#hasAlarm);
    while (isForLater(rpc)) rpc = this.#rpc();
    if (rpc.path === '/v3/auth/enable') this.#planned.push({ in: 10, steps: [...authOff] });
    const as = draw.one(callers);
    const isStream = rpc.method.kind === 'bidi' && rpc.single !== true;
    const bodies = Array.from({ length: isStream ? 1 + draw.below(3) : 1 }, () => this.#permitted(rpc.draw(draw)));
    const [body = {}] = bodies;
    if (body.action === 'ACTIVATE') this.#planned.push({ in: 3 + draw.below(8), steps: [...alarmsOff] });
    for (;;) {
      const texts = bodies.map((each) => this.#text(each, rpc.whole === true));
      const messages = texts.map((text) => messageOf(rpc.method, text));
      if (messages.some((message) => isDeadly(message) || isShort(message))) continue;
      return this.#call(rpc, texts, { as, body, mayBeOdd: true });
    }
  }

  /** A lease of a second with keys, some of which are taken away from it again. */
  #expiry(): Action {
    const steps = [this.#step('/v3/lease/grant', { ID: EXPIRING, TTL: this.#draw.one([1, 1, 0, -1]) })];
    for (const key of this.#draw.list(4, () => this.#draw.key())) {
      steps.push(this.#step('/v3/kv/put', { key, value: 'bGVhc2Vk', lease: EXPIRING }));
    }
    if (this.#draw.chance(3)) steps.push(this.#step('/v3/kv/deleterange', { key: this.#draw.key() }));
    if (this.#draw.chance(3)) steps.push(this.#step('/v3/lease/keepalive', { ID: EXPIRING }));
    if (this.#draw.chance(3)) steps.push(this.#step('/v3/kv/put', { key: this.#draw.key(), value: 'bm90' }));
    return { t: 'expiry', steps, lease: BigInt(EXPIRING) };
  }

  #session(): Action {
    const draw = this.#draw;
    const [path, body] = draw.one([
      ['/v3/lock/lock', {}],
      ['/v3/election/campaign', { value: draw.one(['bWU=', '', 'Mg==']) }],
    ] as const);
    const named = { ...body, name: Buffer.from(draw.one(['lock', 'seat', 'own'])).toString('base64') };
    const steps = [this.#step(path, draw.chance(2) ? named : { ...named, lease: 0 })];
    if (draw.chance(2)) steps.push(this.#step('/v3/election/leader', { name: named.name }));
    // The hash that the first compaction takes still has the key.
    const compaction = [
      this.#step('/v3/kv/compaction', { revision: '$NOW', physical: true }),
      this.#step('/v3/kv/put', { key: 'eg==', value: 'eg==' }),
      this.#step('/v3/kv/compaction', { revision: '$NOW', physical: true }),
    ];
    return { t: 'session', steps, compaction };
  }

  #step(path: string, body: Body): Step {
    return { rpc: byPath(path), bodies: [JSON.stringify(body)], by: this.#draw.one(['gateway', 'grpc']), as: 'root' };
  }

  #rpc(): Rpc {
    let left = this.#draw.below(totalWeight);
    for (const rpc of rpcs) {
      left -= rpc.weight;
      if (left < 0) return rpc;
    }
    throw new Error('weights do not add up');
  }

  /** One body in six is spoiled, one in six put in other words. */
  #text(body: Body, whole: boolean): string {
    const draw = this.#draw;
    if (draw.chance(6)) return spelled(draw, body, whole);
    if (!draw.chance(6)) return JSON.stringify(body);
    const spoiled = { ...body };
    const names = Object.keys(body);
    if (!whole && names.length > 0) spoiled[draw.one(names)] = draw.odd();
    let text = JSON.stringify(spoiled);
    if (!whole && draw.chance(3)) text = text.slice(0, draw.below(text.length + 1));
    if (draw.chance(3)) text += draw.one([' ', 'garbage', '}', '{}']);
    return text;
  }

  #call(
    rpc: Rpc,
    bodies: readonly string[],
    { as, body, mayBeOdd = false }: { readonly as: Caller; readonly body: Body; readonly mayBeOdd?: boolean },
  ): Action {
    const by = this.#draw.one(['gateway', 'grpc'] as const);
    const odd = by === 'gateway' && mayBeOdd && this.#draw.chance(8) ? this.#draw.one(odds) : undefined;
    return { t: 'call', step: { rpc, bodies, by, as, odd }, user: String(body.name) };
  }

  #raw(): Action {
    const draw = this.#draw;
    const rpc = draw.one(rawRpcs);
    const message = messageOf(rpc.method, JSON.stringify(rpc.draw(draw)));
    const bytes = rpc.method.input.encode(message ?? rpc.method.input.create({}));
    return { t: 'raw', rpc, bytes: spoiled(draw, rpc, bytes), as: draw.one(callers) };
  }

  #plain(): Action {
    const draw = this.#draw;
    const method = draw.one(['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST']);
    const path = draw.one(paths);
    const isBare = method === 'GET' || method === 'HEAD';
    // A POST to a path of an RPC is a call, and may do anything.
    if (method === 'POST' && path.startsWith('/v3')) return { t: 'plain', method: 'GET', path, body: undefined };
    return { t: 'plain', method, path, body: isBare ? undefined : '{}' };
  }

  #watch(): Action {
    const draw = this.#draw;
    const request = draw.one<() => Body>([
      () => ({ cancel_request: { watch_id: draw.watchId() } }),
      () => ({ progress_request: {} }),
      () => ({ create_request: draw.watch() }),
      () => ({ create_request: draw.watch() }),
      () => ({ create_request: { ...draw.watch(), progress_notify: true } }),
    ])();
    const stream = draw.below(WATCH_STREAMS);
    return { t: 'watch', stream, as: draw.one(callers), open: draw.chance(6), request: this.#permitted(request) };
  }

  /** A real 3.5 lets who may read a key watch all that come after it. */
  #permitted(request: Body): Body {
    const create = request.create_request ?? request.createRequest;
    if (!this.#mayNeedToken || create === undefined) return request;
    const narrowed = { ...(create as Body) };
    if (narrowed.range_end === 'AA==') delete narrowed.range_end;
    return { create_request: narrowed };
  }
}
