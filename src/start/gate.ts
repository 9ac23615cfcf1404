/**
 * Holds connections until there is somebody to take them: ports are open long before a member is ready, and what comes
 * meanwhile waits.
 */
export class Gate<Connection> {
  #waiting: Connection[] = [];
  #serve: ((connection: Connection) => void) | undefined;

  /** `reject` is called for connections beyond `limit`, and for those still waiting at `close`. */
  constructor(
    readonly limit: number,
    readonly reject: (connection: Connection) => void,
  ) {}

  enter(connection: Connection): void {
    if (this.#serve !== undefined) this.#serve(connection);
    else if (this.#waiting.length < this.limit) this.#waiting.push(connection);
    else this.reject(connection);
  }

  open(serve: (connection: Connection) => void): void {
    this.#serve = serve;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) serve(connection);
  }

  close(): void {
    this.#serve = this.reject;
    for (const connection of this.#waiting.splice(0)) this.reject(connection);
  }
}
