/**
 * What members connect to instead of one another: passes bytes on, unless the way from one member to another is
 * blocked; then they wait here, as they would for a network that is to retransmit them. Whose connection it is says the
 * first request on it (`X-Server-From`).
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

const SERVER_FROM = /\r\nx-server-from: ([0-9a-f]+)\r\n/i;
const MAX_HEAD_BYTES = 16 * 1024;

export interface Blocks {
  /** By member ids in hex. */
  isBlocked(from: string, to: string): boolean;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  from: string | undefined;
}

export class PeerProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** The id of the member behind it, once that is known. */
  memberId = '';
  url = '';

  constructor(
    readonly targetPort: number,
    readonly blocks: Blocks,
  ) {
    this.#server = createServer((client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.url = `http://127.0.0.1:${address.port}`;
  }

  /** Blocks were changed. */
  update(): void {
    for (const link of this.#links) this.#apply(link);
  }

  /** As a network that forgot the connections. */
  reset(): void {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = connect(this.targetPort, '127.0.0.1');
    const link: Link = { client, server, from: undefined };
    this.#links.add(link);
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#links.delete(link);
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    this.#head(link);
  }

  /** Until it is known who asks. */
  #head(link: Link): void {
    const { client, server } = link;
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      if (!head.includes('\r\n\r\n') && head.length < MAX_HEAD_BYTES) return;
      client.off('data', onData);
      link.from = SERVER_FROM.exec(head.toString('latin1'))?.[1] ?? '';
      server.write(head);
      client.pipe(server);
      server.pipe(client);
      this.#apply(link);
    };
    client.on('data', onData);
  }

  #apply({ client, from, server }: Link): void {
    if (from === undefined) return;
    hold(client, server, this.blocks.isBlocked(from, this.memberId));
    hold(server, client, this.blocks.isBlocked(this.memberId, from));
  }
}

function hold(source: Socket, target: Socket, isBlocked: boolean): void {
  source.unpipe(target);
  if (isBlocked) source.pause();
  else source.pipe(target);
}
