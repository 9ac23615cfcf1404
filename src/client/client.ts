/**
 * The v3 client.
 *
 * ```ts
 * await using client = new Client({ endpoints: ['127.0.0.1:2379'] });
 * await client.kv.put('greeting', 'hello');
 * const { kvs } = await client.kv.get('greet', { prefix: true });
 * for await (const { events } of client.watch('greet', { prefix: true })) console.log(events);
 * ```
 *
 * Nothing is connected before the first call. `close()` ends watches and kept leases and drops the connections; a
 * process is kept alive by an open client only while something is under way.
 */
import { type Channel, Code } from '../grpc/types.js';
import type { LeaseId } from '../lib/ids.js';
import type { TlsContents } from '../lib/tls.js';
import { AuthClient } from './auth.js';
import { Balancer } from './balancer.js';
import { Caller } from './caller.js';
import { ClusterClient } from './cluster.js';
import { addressText, type Endpoint, parseEndpoint } from './endpoint.js';
import { EtcdError } from './errors.js';
import type { Bytes } from './key-range.js';
import { KvClient } from './kv.js';
import { type KeepAlive, LeaseClient } from './lease.js';
import { fixedToken, Login } from './login.js';
import { type AtEndpoint, MaintenanceClient } from './maintenance.js';
import type { CallLimits, ClientOptions, ClientWorld, ConnectOptions } from './options.js';
import { osWorld } from './os-world.js';
import { WatchClient } from './watch.js';
import type { Watch, WatchOptions } from './watch-types.js';

const DEFAULT_MAX_SEND_BYTES = 2 * 1024 * 1024;
const DEFAULT_MAX_RECEIVE_BYTES = 2 ** 31 - 1;
/** As clientv3: how long a lease is tried to be kept before the first answer, beyond the time to connect. */
const FIRST_RENEWAL_MS = 1000;
const FIRST_RENEWAL_WITHOUT_DIAL_TIMEOUT_MS = 5000;
/** As clientv3, for each time that the endpoints are brought up to date. */
const SYNC_TIMEOUT_MS = 5000;

export class Client {
  readonly kv: KvClient;
  readonly lease: LeaseClient;
  readonly cluster: ClusterClient;
  readonly maintenance: MaintenanceClient;
  readonly auth: AuthClient;
  readonly watches: WatchClient;

  readonly #options: ClientOptions;
  readonly #world: ClientWorld;
  readonly #balancer: Balancer;
  readonly #caller: Caller;
  readonly #login: Login | undefined;
  readonly #connectOptions: ConnectOptions;
  readonly #syncing = new AbortController();
  readonly #stopSyncing: () => void;
  #endpoints: readonly string[] = [];
  /** By endpoint, as its text is. */
  #channels: ReadonlyMap<string, Channel> = new Map();

  /** Throws EtcdError when there is no endpoint. `world` is the machine's own unless a test brings others. */
  constructor(options: ClientOptions, world: ClientWorld = osWorld) {
    this.#options = options;
    this.#world = world;
    const endpoints = options.endpoints.map(parseEndpoint);
    this.#connectOptions = connectOptionsOf(options, endpoints);
    this.#balancer = new Balancer(this.#connect(options.endpoints), world);
    this.#caller = this.#call(this.#balancer, endpoints);
    this.auth = new AuthClient(this.#caller);
    const { username = '', password = '', token = '' } = options;
    if (token !== '') this.#caller.tokens = fixedToken(token);
    else if (username !== '' && password !== '') {
      // Logging in must not need a token itself.
      this.#login = new Login(new AuthClient(this.#call(this.#balancer, endpoints)), { username, password });
      this.#caller.tokens = this.#login;
    }
    this.kv = new KvClient(this.#caller);
    const { dialTimeoutMs = 0 } = options;
    this.lease = new LeaseClient(this.#caller, {
      firstAnswerMs: dialTimeoutMs === 0 ? FIRST_RENEWAL_WITHOUT_DIAL_TIMEOUT_MS : dialTimeoutMs + FIRST_RENEWAL_MS,
    });
    this.cluster = new ClusterClient(this.#caller);
    this.watches = new WatchClient(this.#caller);
    this.maintenance = new MaintenanceClient(this.#caller, this.#at);
    const { autoSyncIntervalMs = 0 } = options;
    this.#stopSyncing = autoSyncIntervalMs === 0 ? () => {} : this.#syncEvery(autoSyncIntervalMs);
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Calls go to these from now on; those under way end where they are. Throws EtcdError when there is none. */
  setEndpoints(endpoints: readonly string[]): void {
    this.#balancer.use(this.#connect(endpoints));
  }

  /** Takes the client URLs of the cluster's members, learners left out, for its endpoints. */
  async sync(limits: CallLimits = {}): Promise<void> {
    const { members } = await this.cluster.list(limits);
    const urls = members.flatMap(({ name, isLearner, clientURLs }) => (name === '' || isLearner ? [] : clientURLs));
    if (urls.length > 0) this.setEndpoints(urls);
  }

  /** Logs in, if the client has a name and password; without this the first refusal makes it. Throws EtcdError. */
  async logIn(limits: CallLimits = {}): Promise<void> {
    const { dialTimeoutMs = 0 } = this.#options;
    await this.#login?.renew({ ...(dialTimeoutMs === 0 ? {} : { timeoutMs: dialTimeoutMs }), ...limits });
  }

  watch(key: Bytes, options: WatchOptions = {}): Watch {
    return this.watches.watch(key, options);
  }

  /** Keeps a lease alive until it is canceled or the lease ends. */
  keepAlive(lease: LeaseId): KeepAlive {
    return this.lease.keepAlive(lease);
  }

  async close(): Promise<void> {
    this.#stopSyncing();
    this.#syncing.abort(new Error('the client is closed'));
    this.watches.close();
    this.lease.close();
    await this.#balancer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The connections of these endpoints: those that there are already, and new ones. */
  #connect(endpoints: readonly string[]): Channel[] {
    if (endpoints.length === 0) throw new EtcdError(Code.InvalidArgument, 'etcdclient: no available endpoints');
    const known = this.#channels;
    this.#endpoints = endpoints;
    this.#channels = new Map(
      endpoints.map((text) => [
        text,
        known.get(text) ?? this.#world.connect(parseEndpoint(text), this.#connectOptions),
      ]),
    );
    return [...this.#channels.values()];
  }

  #syncEvery(intervalMs: number): () => void {
    const limits = { timeoutMs: SYNC_TIMEOUT_MS, signal: this.#syncing.signal };
    let isSyncing = false;
    return this.#world.clock.every(intervalMs, () => {
      if (isSyncing) return;
      isSyncing = true;
      this.sync(limits)
        .catch((error: Error) => {
          if (!this.#syncing.signal.aborted)
            this.#options.logger?.info('Auto sync endpoints failed.', { error: error.message });
        })
        .finally(() => {
          isSyncing = false;
        });
    });
  }

  #call(balancer: Balancer, endpoints: readonly Endpoint[], endpoint?: string): Caller {
    const id = this.#world.random.uint64().toString(16).padStart(10, '0').slice(0, 10);
    const [first] = endpoints;
    const target = `etcd-endpoints://0x${id}/${first === undefined ? '' : addressText(first)}`;
    return new Caller(balancer, this.#world, { logger: this.#options.logger, target, endpoint });
  }

  readonly #at: AtEndpoint = async (endpoint, use) => {
    const endpoints = [parseEndpoint(endpoint)];
    const options = connectOptionsOf(this.#options, endpoints);
    const balancer = new Balancer(
      endpoints.map((one) => this.#world.connect(one, options)),
      this.#world,
    );
    try {
      const caller = this.#call(balancer, endpoints, endpoint);
      if (this.#login !== undefined) await this.#logInFor(endpoint);
      caller.tokens = this.#login ?? fixedToken(this.#options.token ?? '');
      return await use(caller);
    } finally {
      await balancer.close();
    }
  };

  async #logInFor(endpoint: string): Promise<void> {
    try {
      await this.logIn();
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      throw new EtcdError(
        error.code,
        `failed to getToken from endpoint ${endpoint} with maintenance client: ${error.message}`,
        { cause: error },
      );
    }
  }
}

function connectOptionsOf(options: ClientOptions, [first]: readonly Endpoint[]): ConnectOptions {
  return {
    // As clientv3: the first endpoint's scheme decides for all.
    tls: first === undefined ? undefined : tlsOf(first, options.tls),
    keepAlive: options.keepAlive,
    maxSendBytes: orDefault(options.maxSendBytes, DEFAULT_MAX_SEND_BYTES),
    maxReceiveBytes: orDefault(options.maxReceiveBytes, DEFAULT_MAX_RECEIVE_BYTES),
  };
}

const orDefault = (value: number | undefined, fallback: number) =>
  value === undefined || value === 0 ? fallback : value;

function tlsOf(endpoint: Endpoint, given: TlsContents | undefined): TlsContents | undefined {
  switch (endpoint.tls) {
    case 'require':
      return given ?? {};
    case 'drop':
      return undefined;
    case 'optional':
      return given;
  }
}
