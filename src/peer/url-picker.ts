/** Which URL of a peer is used: the one that worked last; the next in line once it did not. */
export class UrlPicker {
  #urls: readonly string[];
  #picked = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** Without a slash at its end. */
  pick(): string {
    return (this.#urls[this.#picked] ?? '').replace(/\/+$/, '');
  }

  /** Only the first of several callers that failed with the same URL moves on from it. */
  unreachable(url: string): void {
    if (this.#urls.length > 0 && url === this.pick()) this.#picked = (this.#picked + 1) % this.#urls.length;
  }

  update(urls: readonly string[]): void {
    this.#urls = urls;
    this.#picked = 0;
  }
}
