/**
 * Client of the v2 API:
 *
 * ```ts
 * await using client = new V2Client({ endpoints: ['http://127.0.0.1:2379'] });
 * await client.keys.set('/message', 'hello', { ttlSeconds: 60 });
 * for await (const { action, node } of client.keys.watch('/jobs', { recursive: true })) …
 * ```
 */
import { parseObject, struct, textAt } from './answers.js';
import { AuthApi } from './auth.js';
import { Cluster } from './cluster.js';
import { KeysApi } from './keys.js';
import { MembersApi } from './members.js';
import { osV2World } from './os-world.js';
import { StatsApi } from './stats.js';
import type { V2CallOptions, V2ClientOptions, V2World } from './types.js';

const versionsShape = struct('version.Versions', { etcdserver: { t: 'string' }, etcdcluster: { t: 'string' } });

export class V2Client {
  readonly keys: KeysApi;
  readonly members: MembersApi;
  readonly auth: AuthApi;
  readonly stats: StatsApi;
  readonly #cluster: Cluster;
  readonly #world: V2World;

  /** Throws NoEndpointsError, and UrlError for an endpoint that is no URL. Connects to nothing yet. */
  constructor(options: V2ClientOptions, world: V2World = osV2World) {
    this.#world = world;
    this.#cluster = new Cluster(options, { ...world, http: world.http(options) });
    this.keys = new KeysApi(this.#cluster);
    this.members = new MembersApi(this.#cluster);
    this.auth = new AuthApi(this.#cluster);
    this.stats = new StatsApi(this.#cluster);
  }

  get endpoints(): readonly string[] {
    return this.#cluster.endpoints;
  }

  setEndpoints(endpoints: readonly string[]): void {
    this.#cluster.setEndpoints(endpoints);
  }

  /**
   * Takes the endpoints that the cluster's members publish. Rejects with NoEndpointsError when there are none, and as
   * `members.list`.
   */
  async sync(call: V2CallOptions = {}): Promise<void> {
    const members = await this.members.list(call);
    const published = members.flatMap(({ clientURLs }) => clientURLs).sort();
    const known = [...this.#cluster.endpoints].sort();
    // With nothing new the client stays with the endpoint that has answered last.
    if (published.length === known.length && published.every((url, at) => url === known[at])) return;
    this.#cluster.setEndpoints(published);
  }

  /** Syncs now and every `intervalMs`, until the signal aborts or a sync fails; rejects with the reason. */
  async autoSync(intervalMs: number, signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.sync({ signal });
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          cancel();
          signal.removeEventListener('abort', wake);
          resolve();
        };
        const cancel = this.#world.clock.after(intervalMs, wake);
        signal.addEventListener('abort', wake);
      });
      signal.throwIfAborted();
    }
  }

  /** What the answering server is, and what the cluster has agreed on (`not_decided` before that). */
  async version(call: V2CallOptions = {}): Promise<{ readonly server: string; readonly cluster: string }> {
    const { body } = await this.#cluster.send({ method: 'GET', path: '/version' }, call);
    const answer = parseObject(body, versionsShape);
    return { server: textAt(answer, 'etcdserver'), cluster: textAt(answer, 'etcdcluster') };
  }

  /** Ends calls under way. Closing twice is harmless. */
  close(): Promise<void> {
    return this.#cluster.world.http.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
