/** What HTTP's `Date` says, made once a second; `form` puts it where it has to stand. */
export class HttpDate {
  readonly #form: (date: string) => string;
  #second = Number.NaN;
  #text = '';

  constructor(form = (date: string): string => date) {
    this.#form = form;
  }

  at(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = this.#form(new Date(second * 1000).toUTCString());
    }
    return this.#text;
  }
}
