import type { Bolt } from '../bolt/bolt.js';

/** What the file is to those who still read it after another has replaced it: closed by the last of them. */
export class SharedBolt {
  readonly bolt: Bolt;
  #users = 1;

  constructor(bolt: Bolt) {
    this.bolt = bolt;
  }

  hold(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) this.bolt.close();
  }
}
