/** A unix socket that gets datagrams, as systemd's. Node has none, so it is made in libc. */
import { createRequire } from 'node:module';

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
}

const [AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT] = [1, 2, 0x40];

export class DatagramSocket implements Disposable {
  readonly #libc = (createRequire(import.meta.url)('koffi') as Koffi).load(null);
  readonly #fd: number;
  readonly #receive = this.#libc.func('intptr_t recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)');

  /** `@name` is an abstract one. */
  constructor(path: string) {
    this.#fd = this.#libc.func('int socket(int domain, int type, int protocol)')(AF_UNIX, SOCK_DGRAM, 0);
    const name = path.startsWith('@') ? Buffer.from(`\0${path.slice(1)}`) : Buffer.from(`${path}\0`);
    const address = Buffer.concat([Buffer.of(AF_UNIX, 0), name]);
    const bind = this.#libc.func('int bind(int fd, uint8_t *address, uint32_t size)');
    if (bind(this.#fd, address, address.length) !== 0) throw new Error(`cannot bind ${path}`);
  }

  /** What has arrived since it was last asked. */
  take(): string[] {
    const messages: string[] = [];
    for (;;) {
      const bytes = Buffer.alloc(1000);
      const length = this.#receive(this.#fd, bytes, bytes.length, MSG_DONTWAIT);
      if (length < 0) return messages;
      messages.push(bytes.toString('utf8', 0, length));
    }
  }

  [Symbol.dispose](): void {
    this.#libc.func('int close(int fd)')(this.#fd);
  }
}
